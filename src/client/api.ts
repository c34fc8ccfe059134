// Written by scripts/client-types.ts from the server's OpenAPI document: change that, and run it again.
export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers */
        get: operations["isAlive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the journal answers and sandboxes can be made */
        get: operations["isReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What waits for a person, newest first; with `all`, what was answered, too */
        get: operations["listApprovals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of them */
        get: operations["getApproval"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{id}/answer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say yes or no */
        post: operations["answerApproval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit/checkpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign what the journal holds now */
        post: operations["signCheckpoint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The streams of your tenant, a line for each event */
        get: operations["exportAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What verifies our checkpoints, and what was exported */
        get: operations["getAuditKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the whole journal and say all that is wrong with it */
        post: operations["verifyAudit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/budgets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What models cost your tenant and its users in a month, what is put aside, and what they may use */
        get: operations["getBudgets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/javascript": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Run a program and give its result */
        post: operations["runJavaScript"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Those of your tenant, oldest first */
        get: operations["listKeys"];
        put?: never;
        /** Make one; it is shown this once */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke one: from now on it opens nothing */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Those that there are, by name */
        get: operations["listPolicies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of them: its version, what it lends and its rules */
        get: operations["getPolicy"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/backtest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask it again what was asked in your tenant, and say what it would decide otherwise */
        post: operations["backtestPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/decide": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask it; nothing is done, and nothing written */
        post: operations["askPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What another would permit and forbid that this one does not */
        get: operations["diffPolicies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Its answer to a question as people write it, and why; nothing is done */
        post: operations["explainPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/lint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rules of it that can never decide anything, that others get round, or that do not reach everything */
        get: operations["lintPolicy"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/{name}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask it every question of the tests beside it */
        post: operations["testPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Newest first */
        get: operations["listRuns"];
        put?: never;
        /**
         * Leave a run to a worker
         * @description With `Idempotency-Key`, asking twice makes one run.
         */
        post: operations["createRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of them */
        get: operations["getRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End it */
        post: operations["cancelRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happened and what happens: server-sent events, each with its number as id */
        get: operations["streamRunEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** It, in a format of others */
        get: operations["exportRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/fork": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Leave another way from one of its steps to a worker */
        post: operations["forkRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/patch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What it came to, as a unified diff */
        get: operations["getRunPatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Have it stand still after its present step */
        post: operations["pauseRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Do it again with its model as recorded, and say where it comes out otherwise */
        post: operations["replayRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let it go on */
        post: operations["resumeRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{id}/say": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell its agent something */
        post: operations["sayToRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Those that are open */
        get: operations["listSandboxes"];
        put?: never;
        /** Open a session with one sandbox */
        post: operations["createSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of them */
        get: operations["getSandbox"];
        put?: never;
        post?: never;
        /** End it; answered when nothing is left of it */
        delete: operations["deleteSandbox"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/archive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A tree as a tar stream */
        get: operations["downloadArchive"];
        /** Unpack a tar stream into a directory */
        put: operations["uploadArchive"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What runs and what ran */
        get: operations["listCommands"];
        put?: never;
        /** Run a command */
        post: operations["runCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/commands/{command}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How it is, or how it ended */
        get: operations["getCommand"];
        put?: never;
        post?: never;
        /** End it where it runs, and forget it */
        delete: operations["deleteCommand"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/commands/{command}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Its output as it comes, from any byte on: server-sent events `stdout`, `stderr` and, last, `end`
         * @description The id of an event is where to go on after it, `<stdout>-<stderr>` in bytes: what a client that lost its connection sends as Last-Event-ID. Data is text, or base64 with `encoding=base64`.
         */
        get: operations["streamCommandOutput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/commands/{command}/signal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signal it */
        post: operations["signalCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/commands/{command}/stdin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Write to it: the body, as it comes */
        post: operations["writeCommandInput"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/contexts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Those that are open */
        get: operations["listContexts"];
        put?: never;
        /** Open one */
        post: operations["openContext"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/contexts/{context}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Close one, with what runs in it */
        delete: operations["closeContext"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/contexts/{context}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run code in it
         * @description With `Accept: text/event-stream` its events come as they happen: started, stdout, stderr, display, result, error and, last, end.
         */
        post: operations["runInContext"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/contexts/{context}/interrupt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** As ^C does */
        post: operations["interruptContext"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/contexts/{context}/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End its interpreter and begin anew */
        post: operations["restartContext"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is in a file, or in a part of it */
        get: operations["readFile"];
        /** Write a file, whole or not at all */
        put: operations["writeFile"];
        post?: never;
        /** Remove a file, or with `recursive` a tree */
        delete: operations["removeFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is in a directory */
        get: operations["listFiles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files/mkdir": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a directory */
        post: operations["makeDirectory"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files/rename": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move a file or a directory */
        post: operations["renameFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files/stat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a path is */
        get: operations["statFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/files/watch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Names that come, change and go, as server-sent events `change` */
        get: operations["watchFiles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/fork": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** More sandboxes that begin with its workspace */
        post: operations["forkSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/keepalive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin its idle time again */
        post: operations["keepSandboxAlive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Freeze it */
        post: operations["pauseSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/pty": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A terminal, over a WebSocket
         * @description Binary frames are what is shown and what is typed. Text frames are JSON; to us: {type: resize, columns, rows}, {type: signal, signal}, {type: end}; from us: {type: ready, command, offset, typed} first, {type: end, offset, end} last, {type: error, problem}. Whoever lost the connection comes back with `command` and the `offset` of the first byte that is missing; `typed` then says how many typed bytes the program was given.
         */
        get: operations["openTerminal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/pty/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** For a browser: opens one terminal of this sandbox, once, within 30 seconds */
        post: operations["createTerminalTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A snapshot instead of its workspace */
        post: operations["restoreSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go on where it was */
        post: operations["resumeSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sandboxes/{id}/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keep its workspace as it is now */
        post: operations["snapshotSandbox"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Their names, and when they were set */
        get: operations["listSecrets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Keep one, or a new value of one */
        put: operations["setSecret"];
        post?: never;
        /** Forget one */
        delete: operations["removeSecret"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stops": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is stopped */
        get: operations["listStops"];
        put?: never;
        /** From now on nothing of it begins, what runs ends, and what it was lent is revoked */
        post: operations["stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stops/lift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let it begin again, and what was frozen go on */
        post: operations["liftStops"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What your tenant and its users used in a month */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ApiKey: {
            createdBy: string;
            createdMs: number;
            expiresMs?: number;
            id: string;
            name: string;
            revokedMs?: number;
            roles: string[];
            tenant: string;
        };
        Approval: {
            answer?: {
                /** @enum {string} */
                answer: "once" | "session" | "never" | "happened";
                by: string;
                timeMs: number;
                why?: string;
            };
            askedAtMs: number;
            id: string;
            /** @description what is asked, and all that an answer is bound to */
            question: {
                askedBy: string;
                expiresAtMs: number;
                policy: string;
                requestHash: string;
                session: string;
            } & {
                [key: string]: unknown;
            };
            /** @enum {string} */
            status: "pending" | "answered" | "used" | "expired" | "over";
        };
        AuditReport: {
            checkpoints: number;
            entries: number;
            events: number;
            /** @description none where all is as it was written */
            findings: {
                seq?: number;
                stream?: string;
                text: string;
            }[];
            newest?: {
                entries: number;
                timeMs: number;
            };
            streams: number;
            /** @description events after what any checkpoint covers: the chain alone speaks for them */
            unsigned: number;
        };
        Backtest: {
            asked: number;
            /** @description decisions that can be read no more */
            erased: number;
            flipped: number;
            /** @description the first of them */
            flips: {
                now: components["schemas"]["Decision"];
                request: {
                    action: string;
                } & {
                    [key: string]: unknown;
                };
                seq: number;
                stream: string;
                timeMs: number;
                was: components["schemas"]["Decision"];
            }[];
            hash: string;
            policy: string;
        };
        Budgets: {
            /** @description days only of the month that is now */
            accounts: {
                /** @description no bound on what is not in it */
                limit: {
                    microUsd?: number;
                    tokens?: number;
                };
                name: string;
                /** @description what calls that are under way may use at worst */
                reserved: {
                    microUsd: number;
                    tokens: number;
                };
                /** @enum {string} */
                scope: "tenant.month" | "tenant.day" | "user.month" | "user.day";
                used: {
                    microUsd: number;
                    tokens: number;
                };
            }[];
            month: string;
            /** @description calls that are under way */
            open: number;
            tenant: string;
            /** @description calls that are counted at the worst case, because nobody can tell what became of them */
            unknown: number;
            /** @description budgets of which four fifths were used, when they were */
            warnings: {
                /** @description no bound on what is not in it */
                limit: {
                    microUsd?: number;
                    tokens?: number;
                };
                name: string;
                /** @description its month or day */
                period: string;
                /** @enum {string} */
                scope: "tenant.month" | "tenant.day" | "user.month" | "user.day";
                timeMs: number;
                used: {
                    microUsd: number;
                    tokens: number;
                };
            }[];
        };
        Call: {
            decision: components["schemas"]["Decision"];
            end: {
                cause: string;
                state: string;
                wallMs: number;
            } & {
                [key: string]: unknown;
            };
            id: string;
            shown: ({
                type: string;
            } & {
                [key: string]: unknown;
            })[];
            stderr: string;
            stdout: string;
        };
        CallEvent: {
            data: {
                id: string;
            };
            /** @constant */
            event: "started";
        } | {
            data: {
                data: string;
            };
            /** @enum {string} */
            event: "stdout" | "stderr";
        } | {
            data: {
                type?: string;
            } & {
                [key: string]: unknown;
            };
            /** @enum {string} */
            event: "restarted" | "display" | "result" | "error" | "end";
        };
        ChangeEvent: {
            data: {
                /** @enum {string} */
                kind: "created" | "changed" | "removed" | "overflow";
                path: string;
            };
            /** @constant */
            event: "change";
        } | {
            data: components["schemas"]["Problem"];
            /** @constant */
            event: "error";
        };
        Checkpoint: {
            /** @description a signed note: keep it elsewhere */
            checkpoint: string;
            /** @description what verifies it */
            key: string;
        };
        Command: {
            argv: string[];
            decision: components["schemas"]["Decision"];
            end?: components["schemas"]["CommandEnd"];
            id: string;
            sandbox: string;
            /** @description milliseconds since 1970 */
            startedMs: number;
            /** @enum {string} */
            status: "running" | "ended";
            stderr?: string;
            /** @description as UTF-8; the middle is cut, with the count said, where it is long */
            stdout?: string;
        };
        CommandEnd: {
            /** @enum {string} */
            cause: "exited" | "signalled" | "timeout" | "cpu_time" | "output" | "memory" | "disk" | "cancelled" | "policy" | "not_started" | "lost";
            exitCode?: number;
            limitsHit: ("pids" | "disk" | "inodes" | "file_size")[];
            markerLost: boolean;
            oomKills: {
                /** @enum {string} */
                blame: "certain" | "shared";
                count: number;
            };
            output: {
                droppedBytes: number;
                lostBytes: number;
                stderrBytes: number;
                stdoutBytes: number;
            };
            signal?: string;
            startError?: string;
            /** @enum {string} */
            tree: "dead" | "unproven";
            usage: {
                maxRssBytes: number;
                systemMs: number;
                userMs: number;
                wallMs: number;
            };
        };
        Context: {
            id: string;
            /** @enum {string} */
            language: "python" | "javascript";
            version: string;
        };
        Decision: {
            /** @enum {string} */
            effect: "allow" | "deny" | "ask";
            lost: {
                /** @enum {string} */
                effect: "allow" | "deny" | "ask";
                file?: string;
                line?: number;
                rule: string;
                text: string;
            }[];
            /** @constant */
            observed?: true;
            policy: string;
            reason: {
                /** @enum {string} */
                effect: "allow" | "deny" | "ask";
                file?: string;
                line?: number;
                rule: string;
                text: string;
            };
        };
        FileEntry: {
            /** @description permissions, as a number */
            mode: number;
            modifiedMs: number;
            path: string;
            sizeBytes: number;
            target?: string;
            /** @enum {string} */
            type: "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";
        };
        JavaScriptEnd: {
            /** @description returned, threw, timeout, cpu_time, memory, output, unclonable, cancelled, policy, not_started, lost */
            cause: string;
            console: {
                level: string;
                text: string;
            }[];
            decision: components["schemas"]["Decision"];
            error?: {
                message: string;
                name: string;
                stack?: string;
            };
            id: string;
            /** @description JSON */
            result?: unknown;
            usage: {
                cpuMs: number;
                memoryBytes: number;
                wallMs: number;
            };
        };
        JournalEvent: {
            data: {
                [key: string]: unknown;
            };
            hash: string;
            previous: string;
            seq: number;
            stream: string;
            timeMs: number;
            type: string;
            version: number;
        };
        OutputEvent: {
            data: {
                data: string;
                /** @description in bytes, of its channel */
                offset: number;
            };
            /** @enum {string} */
            event: "stdout" | "stderr";
            id: string;
        } | {
            data: components["schemas"]["CommandEnd"];
            /** @constant */
            event: "end";
            id: string;
        } | {
            data: components["schemas"]["Problem"];
            /** @constant */
            event: "error";
        };
        PolicyAnswer: {
            /** @description what holds it, beyond the answer */
            binds: string;
            decision: components["schemas"]["Decision"];
            policy: {
                hash: string;
                name: string;
            };
            /** @description what would have to change for another answer */
            remedies: string[];
            /** @description the question in canonical form */
            request: {
                action: string;
            } & {
                [key: string]: unknown;
            };
        };
        PolicyDiff: {
            /** @description questions: one for each rule of either, and their tests */
            asked: number;
            /** @description questions with another answer */
            changes: {
                /** @enum {string} */
                now: "allow" | "deny" | "ask";
                reason: {
                    /** @enum {string} */
                    effect: "allow" | "deny" | "ask";
                    file?: string;
                    line?: number;
                    rule: string;
                    text: string;
                };
                request: {
                    action: string;
                } & {
                    [key: string]: unknown;
                };
                /** @enum {string} */
                was: "allow" | "deny" | "ask";
            }[];
            /** @description what is lent, where it is not the same */
            grant: {
                now: unknown;
                was: unknown;
                what: string;
            }[];
        };
        PolicyTests: {
            /** @description where its cases stand */
            file?: string;
            passed: boolean;
            policy: string;
            results: {
                decision: components["schemas"]["Decision"];
                line: number;
                /** @description where it failed */
                problem?: string;
                what: string;
            }[];
            rules: number;
            /** @description rules that no case made speak */
            silent: {
                file: string;
                line: number;
                rule: string;
            }[];
        };
        Problem: {
            code: string;
            detail: string;
            details?: {
                [key: string]: string | number | boolean;
            };
            issues?: {
                message: string;
                path: string;
            }[];
            status: number;
            title: string;
            type: string;
        };
        Replay: {
            identical: boolean;
            live?: {
                identical: boolean;
                observations: {
                    difference?: {
                        at?: number;
                        now?: string;
                        path: string;
                        recorded?: string;
                    };
                    /** @description of the workspace, that are other ones than then */
                    files: string[];
                    input: unknown;
                    step: number;
                    tool: string;
                    /**
                     * @description alike: but for times, durations, addresses and temporary names
                     * @enum {string}
                     */
                    verdict: "same" | "alike" | "different" | "not_run";
                }[];
                session: string;
            };
            /** @description since the run was made */
            policyChanged: boolean;
            run: string;
            strict: {
                divergence?: {
                    difference?: {
                        at?: number;
                        now?: string;
                        path: string;
                        recorded?: string;
                    };
                    seq: number;
                    step: number;
                    what: string;
                };
                goes: number;
                identical: boolean;
                steps: number;
            } | {
                /** @description there is none */
                why: string;
            };
        };
        Run: {
            createdMs: number;
            id: string;
            repository: string;
            running: boolean;
            spent: {
                steps: number;
                tokens: number;
                usd: number;
            };
            /** @description in a word: queued, running, waiting, paused, interrupted, or its outcome */
            standing: string;
            /** @description created, started, ended */
            status: string;
            summary?: {
                detail: string;
                outcome: string;
            } & {
                [key: string]: unknown;
            };
            task: string;
            /** @description the approval that it waits for */
            waitingFor?: string;
        };
        RunEvent: {
            data: components["schemas"]["JournalEvent"];
            /** @description its type, or `error`, with a problem instead */
            event: string;
            /** @description its number */
            id: string;
        };
        Sandbox: {
            /** @description milliseconds since 1970 */
            createdMs: number;
            /** @description at the latest */
            expiresMs: number;
            id: string;
            /** @description what was started: a digest, or host */
            image: string;
            /** @enum {string} */
            kind: "gvisor" | "container" | "process";
            labels: {
                [key: string]: string;
            };
            /** @enum {string} */
            limitsAre: "hard" | "soft";
            policy: {
                hash: string;
                /** @enum {string} */
                mode: "enforce" | "observe";
                name: string;
            };
            session: string;
            /** @enum {string} */
            state: "running" | "paused";
        };
        Stop: {
            by: string;
            freeze: boolean;
            /** @description everything (for the operator), a tenant, or a run */
            scope: {
                /** @constant */
                what: "all";
            } | {
                tenant: string;
                /** @constant */
                what: "tenant";
            } | {
                run: string;
                /** @constant */
                what: "run";
            };
            sinceMs: number;
            why?: string;
        };
        Ticket: {
            expiresMs: number;
            ticket: string;
        };
        Usage: {
            month: string;
            tenant: string;
            total: {
                commands: number;
                /** @description millionths of a US dollar */
                microUsd: number;
                /** @description JavaScript in isolates, and calls of interpreters */
                programs: number;
                sandboxes: number;
                /** @description by the clock on the wall */
                sandboxSeconds: number;
                /** @description of every class */
                tokens: number;
            };
            users: {
                commands: number;
                /** @description millionths of a US dollar */
                microUsd: number;
                /** @description JavaScript in isolates, and calls of interpreters */
                programs: number;
                sandboxes: number;
                /** @description by the clock on the wall */
                sandboxSeconds: number;
                /** @description of every class */
                tokens: number;
                user: string;
            }[];
            /** @description budgets of which four fifths were used, when they were */
            warnings: {
                /** @description no bound on what is not in it */
                limit: {
                    microUsd?: number;
                    tokens?: number;
                };
                name: string;
                /** @description its month or day */
                period: string;
                /** @enum {string} */
                scope: "tenant.month" | "tenant.day" | "user.month" | "user.day";
                timeMs: number;
                used: {
                    microUsd: number;
                    tokens: number;
                };
            }[];
        };
    };
    responses: {
        /** @description The request does not fit; `issues` says what of it */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not now: the same request is under way, or somebody was first */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No role of yours lets you, or policy does not */
        Denied: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Any other error */
        Failed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It is not there, or not yours */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A limit is reached; `Retry-After` says when to come again, where that can be said */
        TooMany: {
            headers: {
                /** @description seconds */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No key, or one that is none, or no more */
        Unauthenticated: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not at the moment; `Retry-After` says when to come again, where that can be said */
        Unavailable: {
            headers: {
                /** @description seconds */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It was understood, and cannot be done */
        Unprocessable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
        IdempotencyKey: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    isAlive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: string;
                    };
                };
            };
        };
    };
    isReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what does not work as it should while the rest goes on */
                        degraded: string[];
                        /** @description of sandboxes that can be made here */
                        kinds: string[];
                        status: string;
                    };
                };
            };
            /** @description Done */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what does not work as it should while the rest goes on */
                        degraded: string[];
                        /** @description of sandboxes that can be made here */
                        kinds: string[];
                        status: string;
                    };
                };
            };
        };
    };
    listApprovals: {
        parameters: {
            query?: {
                all?: boolean;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Approval"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getApproval: {
        parameters: {
            query?: {
                /** @description how long to wait for an answer */
                waitMs?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    answerApproval: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    answer: "once" | "session" | "never" | "happened";
                    /** @description of what was shown to whoever answers: any other request is refused */
                    requestHash: string;
                    /** @description for the journal, and for whoever asked */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    signCheckpoint: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Checkpoint"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    exportAudit: {
        parameters: {
            query?: {
                /** @description all tenants; for the operator */
                everything?: boolean;
                /** @description jsonl proves itself; ocsf is for a SIEM */
                format?: "jsonl" | "ocsf";
                /** @description only these, with commas between them */
                runs?: string;
                /** @description only streams with something since then */
                sinceMs?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Lines of JSON, and the last one says that it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/jsonl": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getAuditKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what verifies it */
                        key: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    verifyAudit: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description signed notes that were kept elsewhere: what they say must still be so
                     * @default []
                     */
                    checkpoints?: string[];
                    /**
                     * @description whose signatures count; our own where there are none
                     * @default []
                     */
                    keys?: string[];
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditReport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getBudgets: {
        parameters: {
            query?: {
                /** @description of UTC, such as 2026-11; this one where it is left out */
                month?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Budgets"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    runJavaScript: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default [] */
                    args?: unknown[];
                    /**
                     * @default module
                     * @enum {string}
                     */
                    form?: "module" | "script";
                    /**
                     * @default javascript
                     * @enum {string}
                     */
                    language?: "javascript" | "typescript";
                    limits?: {
                        cpuMs?: number;
                        outputBytes?: number;
                        wallMs?: number;
                    };
                    /**
                     * @description by name
                     * @default js
                     */
                    policy?: string;
                    source: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JavaScriptEnd"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listKeys: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["ApiKey"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    expiresInMs?: number;
                    name: string;
                    /**
                     * @default [
                     *       "operator"
                     *     ]
                     */
                    roles?: string[];
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        createdBy: string;
                        createdMs: number;
                        expiresMs?: number;
                        id: string;
                        key: string;
                        name: string;
                        revokedMs?: number;
                        roles: string[];
                        tenant: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listPolicies: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: string[];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cedar: string;
                        grant: {
                            [key: string]: unknown;
                        };
                        hash: string;
                        /** @enum {string} */
                        mode: "enforce" | "observe";
                        name: string;
                        rules: {
                            file: string;
                            line: number;
                            rule: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    backtestPolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description so many are told
                     * @default 100
                     */
                    flips?: number;
                    /** @default 0 */
                    sinceMs?: number;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backtest"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    askPolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description a question in canonical form, as the journal has it */
                    request: {
                        action: string;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Decision"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    diffPolicies: {
        parameters: {
            query: {
                /** @description the one that would be instead */
                with: string;
            };
            header?: never;
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyDiff"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    explainPolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description whose session asks; yours where nothing is said */
                    as?: {
                        /** @default  */
                        name?: string;
                        /** @default [] */
                        roles?: string[];
                        /** @default  */
                        tenant?: string;
                    };
                    /** @description as people write it: one of exec, write, connect … */
                    question: {
                        /** @description GET https://host/path, https://host, tcp://host:port, or GET npm:/package of a registry */
                        connect?: string;
                        /** @description a credential, and the request it is to go with */
                        credential?: {
                            id: string;
                            /** @enum {string} */
                            in?: "header" | "query" | "body";
                            to: string;
                        };
                        /** @description an absolute path in the sandbox */
                        delete?: string;
                        /** @description a program and its arguments, or a text for a shell */
                        exec?: string | string[];
                        /** @description paths of a patch, relative to the repository; what was found in it */
                        export?: string[] | {
                            binaries?: string[];
                            bytes?: number;
                            canaries?: string[];
                            links?: string[];
                            paths: string[];
                            secrets?: string[];
                        };
                        /** @description a program in an isolate, and what of the host it may call */
                        javascript?: ("files" | "tools" | "fetch")[];
                        /** @description an absolute path in the sandbox */
                        list?: string;
                        /** @description provider:model; the host that the call goes to, what it may cost at worst, and what is spent */
                        model?: string | {
                            host?: string;
                            name: string;
                            spent?: {
                                steps?: number;
                                tokens?: number;
                                usd?: number;
                            };
                            steps?: number;
                            tokens?: number;
                            usd?: number;
                        };
                        /** @description code for an interpreter that keeps its state */
                        node?: string;
                        /** @description what a session asks for; what the policy lends by default */
                        open?: {
                            image?: string;
                            kinds?: ("gvisor" | "container" | "process")[];
                            limits?: {
                                [key: string]: number;
                            };
                        };
                        /** @description code for an interpreter that keeps its state */
                        python?: string;
                        /** @description an absolute path in the sandbox */
                        read?: string;
                        /** @description the name of a tool */
                        tool?: string;
                        /** @description an absolute path in the sandbox */
                        write?: string;
                    };
                    /** @description what names in braces stand for: { owner: acme } */
                    variables?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    lintPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        findings: {
                            file: string;
                            /**
                             * @description what was meant, and still has to be known
                             * @enum {boolean}
                             */
                            isNote?: true;
                            line: number;
                            rule: string;
                            text: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    testPolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /** @description by name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyTests"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listRuns: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Run"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    createRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description when it is over, whatever it waits for: milliseconds since 1970 */
                    deadlineMs?: number;
                    /** @description asked in this order where the model cannot be had */
                    fallback?: string[];
                    keepIgnored?: boolean;
                    maxSteps?: number;
                    maxUsd?: number;
                    /** @description anthropic:<model>, openai:<model> or openai-chat:<model> */
                    model: string;
                    /** @description milliseconds since 1970 */
                    notBeforeMs?: number;
                    /**
                     * @description by name
                     * @default code-fix
                     */
                    policy?: string;
                    /** @description higher goes first */
                    priority?: number;
                    /** @description its address, https://… */
                    repository: string;
                    task: string;
                    testCommand?: string;
                    timeoutMs?: number;
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getRun: {
        parameters: {
            query?: {
                /** @description how long to wait for its end */
                waitMs?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    cancelRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    why?: string;
                };
            };
        };
        responses: {
            /** @description Taken: it is done after this answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    streamRunEvents: {
        parameters: {
            query?: {
                after?: number;
                follow?: boolean;
            };
            header?: {
                /** @description of the last event that came: what follows it is sent */
                "last-event-id"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its events, to its end */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["RunEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    exportRun: {
        parameters: {
            query?: {
                /** @description json: our own events; ATIF; SWE-agent’s; OpenTelemetry’s */
                format?: "json" | "atif" | "traj" | "otlp";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a document in that format */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    forkRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description another one */
                    model?: string;
                    /** @description by name */
                    policy?: string;
                    /** @description said to the agent before it goes on */
                    prompt?: string;
                    /** @description after this step; 0 is before the first */
                    step: number;
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getRunPatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A unified diff */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/x-diff": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    pauseRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Taken: it is done after this answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    replayRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description run its tools again, too, in a fresh sandbox
                     * @default false
                     */
                    liveTools?: boolean;
                    /**
                     * @description at the first that differs
                     * @default false
                     */
                    stop?: boolean;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replay"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    resumeRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Taken: it is done after this answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    sayToRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description cut short what goes on now
                     * @default false
                     */
                    interrupt?: boolean;
                    text: string;
                };
            };
        };
        responses: {
            /** @description Taken: it is done after this answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listSandboxes: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Sandbox"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    createSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    env?: {
                        [key: string]: string;
                    };
                    /** @description instead of the policy’s, where it allows that */
                    image?: string;
                    /** @enum {string} */
                    kind?: "gvisor" | "container" | "process";
                    /**
                     * @description yours, to find it again
                     * @default {}
                     */
                    labels?: {
                        [key: string]: string;
                    };
                    /** @description smaller than the policy lends */
                    limits?: {
                        cpu?: number;
                        diskBytes?: number;
                        inodes?: number;
                        memoryBytes?: number;
                        openFiles?: number;
                        pids?: number;
                    };
                    /**
                     * @description by name
                     * @default exec
                     */
                    policy?: string;
                    /** @description shorter than the policy lends */
                    session?: {
                        idleMs?: number;
                        wallMs?: number;
                    };
                    /** @description of your tenant: what its workspace begins with */
                    snapshot?: string;
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getSandbox: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    deleteSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    downloadArchive: {
        parameters: {
            query: {
                /** @description absolute, in the sandbox */
                path: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A tar stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    uploadArchive: {
        parameters: {
            query: {
                /** @description absolute, in the sandbox */
                path: string;
            };
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-tar": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listCommands: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Command"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    runCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the program and its arguments; no shell */
                    argv?: [
                        string
                    ];
                    /**
                     * @description answer at once, and let it go on when this client has gone
                     * @default false
                     */
                    background?: boolean;
                    /** @description absolute, in the sandbox */
                    cwd?: string;
                    env?: {
                        [key: string]: string;
                    };
                    /** @description less than the policy lends */
                    limits?: {
                        cpuMs?: number;
                        outputBytes?: number;
                        wallMs?: number;
                    };
                    /** @default false */
                    openStdin?: boolean;
                    /** @description instead of argv: run by `sh -lc`, which is what policy sees */
                    shell?: string;
                    /** @description all that it reads; for more, write to its stdin while it runs (`openStdin`) */
                    stdin?: string;
                    /** @description one of its own, to be connected to at /pty; needs `background` */
                    terminal?: {
                        columns: number;
                        rows: number;
                        term?: string;
                    };
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            /** @description Taken: it is done after this answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getCommand: {
        parameters: {
            query?: {
                /** @description how long to wait for its end */
                waitMs?: number;
            };
            header?: never;
            path: {
                command: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    deleteCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                command: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    streamCommandOutput: {
        parameters: {
            query?: {
                encoding?: "utf8" | "base64";
                stderr?: number;
                stdout?: number;
            };
            header?: {
                /** @description of the last event that came: what follows it is sent */
                "last-event-id"?: string;
            };
            path: {
                command: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its output, and how it ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["OutputEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    signalCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                command: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @default process
                     * @enum {string}
                     */
                    scope?: "process" | "tree";
                    /** @enum {string} */
                    signal: "SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGILL" | "SIGTRAP" | "SIGABRT" | "SIGIOT" | "SIGBUS" | "SIGFPE" | "SIGKILL" | "SIGUSR1" | "SIGSEGV" | "SIGUSR2" | "SIGPIPE" | "SIGALRM" | "SIGTERM" | "SIGCHLD" | "SIGSTKFLT" | "SIGCONT" | "SIGSTOP" | "SIGTSTP" | "SIGTTIN" | "SIGTTOU" | "SIGURG" | "SIGXCPU" | "SIGXFSZ" | "SIGVTALRM" | "SIGPROF" | "SIGWINCH" | "SIGIO" | "SIGPOLL" | "SIGPWR" | "SIGSYS";
                };
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    writeCommandInput: {
        parameters: {
            query?: {
                /** @description and nothing comes after it */
                close?: boolean;
            };
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                command: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listContexts: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Context"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    openContext: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description absolute, in the sandbox */
                    cwd?: string;
                    env?: {
                        [key: string]: string;
                    };
                    /** @enum {string} */
                    language: "python" | "javascript";
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Context"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    closeContext: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                context: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    runInContext: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                context: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                    /** @description less than the policy lends */
                    limits?: {
                        outputBytes?: number;
                        wallMs?: number;
                    };
                };
            };
        };
        responses: {
            /** @description What it came to */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Call"];
                    "text/event-stream": components["schemas"]["CallEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    interruptContext: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                context: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    restartContext: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                context: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    readFile: {
        parameters: {
            query: {
                length?: number;
                offset?: number;
                /** @description absolute, in the sandbox */
                path: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its bytes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    writeFile: {
        parameters: {
            query: {
                mode?: string;
                parents?: boolean;
                /** @description absolute, in the sandbox */
                path: string;
            };
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    removeFile: {
        parameters: {
            query: {
                /** @description absolute, in the sandbox */
                path: string;
                recursive?: boolean;
            };
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listFiles: {
        parameters: {
            query: {
                cursor?: string;
                limit?: number;
                /** @description absolute, in the sandbox */
                path: string;
                recursive?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["FileEntry"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    makeDirectory: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default false */
                    parents?: boolean;
                    /** @description absolute, in the sandbox */
                    path: string;
                };
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    renameFile: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description absolute, in the sandbox */
                    from: string;
                    /** @description absolute, in the sandbox */
                    to: string;
                };
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    statFile: {
        parameters: {
            query: {
                /** @description absolute, in the sandbox */
                path: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileEntry"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    watchFiles: {
        parameters: {
            query: {
                /** @description absolute, in the sandbox */
                path: string;
                recursive?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What happens to names, for as long as somebody listens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ChangeEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    forkSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default 1 */
                    count?: number;
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        sandboxes: components["schemas"]["Sandbox"][];
                        snapshot: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    keepSandboxAlive: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    pauseSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    openTerminal: {
        parameters: {
            query?: {
                /** @description the program and its arguments; a shell where it is left out */
                argv?: string[];
                columns?: number;
                /** @description a terminal that is there: one that a connection or a command began before; without it a program is started */
                command?: string;
                /** @description absolute, in the sandbox */
                cwd?: string;
                /** @description so long a program that is started here waits for somebody to come back, before it is hung up */
                keepMs?: number;
                /** @description the byte of its output that comes first */
                offset?: number;
                rows?: number;
                term?: string;
                /** @description instead of Authorization, for browsers */
                ticket?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is a WebSocket from here on */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            /** @description It is a WebSocket only */
            426: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    createTerminalTicket: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    restoreSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    snapshot: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    resumeSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sandbox"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    snapshotSandbox: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bytes: number;
                        files: number;
                        id: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listSecrets: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            name: string;
                            setMs: number;
                        }[];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    setSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    value: string;
                };
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    removeSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    listStops: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Stop"][];
                        /** @description give it as `cursor` for what follows */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    stop: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description what runs stands still instead of ending
                     * @default false
                     */
                    freeze?: boolean;
                    /** @description everything (for the operator), a tenant, or a run */
                    scope: {
                        /** @enum {string} */
                        what: "all";
                    } | {
                        tenant: string;
                        /** @enum {string} */
                        what: "tenant";
                    } | {
                        run: string;
                        /** @enum {string} */
                        what: "run";
                    };
                    /** @description for the journal, and for whoever is refused */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description what came of it on the server’s machine; nothing where it was frozen */
                        halted?: {
                            /** @description credentials that could not be revoked, and why; told to the operator */
                            failed?: string[];
                            /** @description nothing of it is left on this machine, and all that was lent is revoked */
                            isDone: boolean;
                            /** @description sandboxes whose process did not end them; told to the operator */
                            killed?: string[];
                            /** @description sandboxes that are still there */
                            left: number;
                            /** @description credentials; told to the operator */
                            revoked?: string[];
                        };
                        stop: components["schemas"]["Stop"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    liftStops: {
        parameters: {
            query?: never;
            header?: {
                /** @description of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused) */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description that stop alone; all that you may lift where nothing is said */
                    scope?: {
                        /** @enum {string} */
                        what: "all";
                    } | {
                        tenant: string;
                        /** @enum {string} */
                        what: "tenant";
                    } | {
                        run: string;
                        /** @enum {string} */
                        what: "run";
                    };
                    /** @description for the journal, and for whoever is refused */
                    why?: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        lifted: components["schemas"]["Stop"][];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
    getUsage: {
        parameters: {
            query?: {
                /** @description of UTC, such as 2026-11; this one where it is left out */
                month?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Usage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Denied"];
            429: components["responses"]["TooMany"];
            503: components["responses"]["Unavailable"];
            default: components["responses"]["Failed"];
        };
    };
}

// Written by scripts/client-types.ts from the server's OpenAPI document: change that, and run it again.
export interface paths {
    "/v1/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What waits for a person, newest first; with `all`, what was answered, too */
        get: {
            parameters: {
                query?: {
                    all?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            items: components["schemas"]["Approval"][];
                        };
                    };
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Approval"];
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Approval"];
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JavaScriptEnd"];
                    };
                };
            };
        };
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
        /** Those of your tenant */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            items: components["schemas"]["ApiKey"][];
                        };
                    };
                };
            };
        };
        put?: never;
        /** Make one; it is shown this once */
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
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
            };
        };
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
        delete: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ApiKey"];
                    };
                };
            };
        };
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
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            items: string[];
                        };
                    };
                };
            };
        };
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
        /** One of them: its version and its rules */
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            cedar: string;
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
            };
        };
        put?: never;
        post?: never;
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Decision"];
                    };
                };
            };
        };
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
        get: {
            parameters: {
                query?: {
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
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
            };
        };
        put?: never;
        /**
         * Leave a run to a worker
         * @description With `Idempotency-Key`, asking twice makes one run.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Run"];
                    };
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Run"];
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
            parameters: {
                query?: {
                    after?: number;
                    follow?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        post?: never;
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
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
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
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
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
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
            };
        };
        put?: never;
        /** Open a session with one sandbox */
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                    };
                };
            };
            responses: {
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** End it; answered when nothing is left of it */
        delete: {
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        /** Unpack a tar stream into a directory */
        put: {
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
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
            };
        };
        put?: never;
        /** Run a command */
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Command"];
                    };
                };
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Command"];
                    };
                };
            };
        };
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
        get: {
            parameters: {
                query?: {
                    /** @description how long to wait for it to end */
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Command"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** End it where it runs, and forget it */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    command: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
            parameters: {
                query?: {
                    encoding?: "utf8" | "base64";
                    stderr?: number;
                    stdout?: number;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: {
                    /** @description and nothing comes after it */
                    close?: string;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            items: components["schemas"]["Context"][];
                        };
                    };
                };
            };
        };
        put?: never;
        /** Open one */
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Context"];
                    };
                };
            };
        };
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
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    context: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Call"];
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    context: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    context: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        /** Write a file, whole or not at all */
        put: {
            parameters: {
                query: {
                    mode?: string;
                    parents?: string;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        post?: never;
        /** Remove a file, or with `recursive` a tree */
        delete: {
            parameters: {
                query: {
                    /** @description absolute, in the sandbox */
                    path: string;
                    recursive?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
            parameters: {
                query: {
                    limit?: number;
                    /** @description absolute, in the sandbox */
                    path: string;
                    recursive?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            entries: components["schemas"]["FileEntry"][];
                        };
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        get: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FileEntry"];
                    };
                };
            };
        };
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
        get: {
            parameters: {
                query: {
                    /** @description absolute, in the sandbox */
                    path: string;
                    recursive?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
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
            };
        };
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
        post: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
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
        post: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
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
        post: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
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
        post: {
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
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sandbox"];
                    };
                };
            };
        };
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
        post: {
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
                /** @description Default Response */
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
            };
        };
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
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
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
                        };
                    };
                };
            };
        };
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
        put: {
            parameters: {
                query?: never;
                header?: never;
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
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        post?: never;
        /** Forget one */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
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
        ApiKeyInput: {
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
        ApprovalInput: {
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
        CallInput: {
            decision: components["schemas"]["DecisionInput"];
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
        CommandEndInput: {
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
        CommandInput: {
            argv: string[];
            decision: components["schemas"]["DecisionInput"];
            end?: components["schemas"]["CommandEndInput"];
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
        Context: {
            id: string;
            /** @enum {string} */
            language: "python" | "javascript";
            version: string;
        };
        ContextInput: {
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
        DecisionInput: {
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
        FileEntryInput: {
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
            result?: unknown;
            usage: {
                cpuMs: number;
                memoryBytes: number;
                wallMs: number;
            };
        };
        JavaScriptEndInput: {
            /** @description returned, threw, timeout, cpu_time, memory, output, unclonable, cancelled, policy, not_started, lost */
            cause: string;
            console: {
                level: string;
                text: string;
            }[];
            decision: components["schemas"]["DecisionInput"];
            error?: {
                message: string;
                name: string;
                stack?: string;
            };
            id: string;
            result?: unknown;
            usage: {
                cpuMs: number;
                memoryBytes: number;
                wallMs: number;
            };
        };
        Policy: {
            hash: string;
            /** @enum {string} */
            mode: "enforce" | "observe";
            name: string;
        };
        PolicyInput: {
            hash: string;
            /** @enum {string} */
            mode: "enforce" | "observe";
            name: string;
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
        ProblemInput: {
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
        RunInput: {
            createdMs: number;
            id: string;
            repository: string;
            running: boolean;
            spent: {
                steps: number;
                tokens: number;
                usd: number;
            };
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
        SandboxInput: {
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
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;

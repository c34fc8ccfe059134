# glovebox for machines that serve: `serve`, `worker` and every other command. `npm run image` builds it, and fills its context: `packages/` is what the published package depends on,
# fetched by the operator's own npm client, and `app/` the package itself.
ARG BASE=glovebox/node:latest
ARG INIT=glovebox/init:latest
FROM ${INIT} AS init
FROM ${BASE}
USER root
# For `process` sandboxes, and a first process that buries what they leave.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/glovebox --shell /usr/sbin/nologin glovebox \
 && install -d /app/sandbox-images \
 && ln -s /app/bin/glovebox.js /usr/local/bin/glovebox
COPY packages /app
# Whose hash is in its path belongs to the sources that are beside it.
ARG INIT_HASH
COPY --from=init /.glovebox/init /app/prebuilt/init/${INIT_HASH}/glovebox-init
COPY app /app
ENV NODE_ENV=production GLOVEBOX_HOME=/var/lib/glovebox
USER glovebox
WORKDIR /var/lib/glovebox
EXPOSE 7717
ENTRYPOINT ["tini", "--", "glovebox"]
CMD ["serve", "--host", "0.0.0.0"]

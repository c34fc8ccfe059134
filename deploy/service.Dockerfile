# glovebox for machines that serve: `serve`, `worker` and every other command. `npm run image` builds it: `app/` of its context is the package as it is published, and PACKAGES what it depends on.
ARG PACKAGES
ARG INIT=glovebox/init:latest
FROM ${INIT} AS init
FROM ${PACKAGES}
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

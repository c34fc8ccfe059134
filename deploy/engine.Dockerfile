# A Docker engine of glovebox's own, for its sandboxes alone. Its container is privileged: docs/deploy.md says what that means.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends docker.io iptables tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY engine.sh /usr/local/bin/glovebox-engine
VOLUME /var/lib/docker
ENTRYPOINT ["tini", "--", "glovebox-engine"]

# What the service's image starts from: the programs that it needs, and in `packages.tar` what the package depends on, fetched by the operator's own npm client. It changes with the lock file alone.
ARG BASE=glovebox/node:latest
FROM ${BASE}
USER root
# For `process` sandboxes, and a first process that buries what they leave.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/glovebox --shell /usr/sbin/nologin glovebox \
 && install -d -o glovebox -g glovebox /var/lib/glovebox/shared \
 && ln -s /app/bin/glovebox.js /usr/local/bin/glovebox
ADD packages.tar /app/

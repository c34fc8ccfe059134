# Debian's PostgreSQL with an empty cluster, which is made when it starts for the first time, with the password of a secret.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-common \
 && echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
RUN install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
COPY postgres.sh /usr/local/bin/glovebox-postgres
VOLUME /var/lib/postgresql/data
EXPOSE 5432
# A fast shutdown: whoever is connected is told, and not waited for.
STOPSIGNAL SIGINT
ENTRYPOINT ["glovebox-postgres"]

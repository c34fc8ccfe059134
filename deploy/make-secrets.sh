#!/bin/sh
# Makes what docker-compose.yml needs to know and nobody else may: files in deploy/secrets, for the user of the service's image (10001). What is there stays as it is.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
new() { [ ! -e "secrets/$1" ] && echo "deploy/secrets/$1"; }
if new database_password; then
  openssl rand -hex 24 > secrets/database_password
  echo "postgresql://glovebox:$(cat secrets/database_password)@postgres:5432/glovebox" > secrets/database_url
fi
if new master_key; then openssl rand -base64 32 > secrets/master_key; fi
# Keys of providers, and the master key before, while it is changed: write yours into these. An empty one is none.
for key in anthropic_api_key openai_api_key previous_master_key; do if new "$key"; then : > "secrets/$key"; fi; done
chmod 600 secrets/*
if [ "$(id -u)" = 0 ]; then chown 10001:10001 secrets/*; else sudo chown 10001:10001 secrets/*; fi

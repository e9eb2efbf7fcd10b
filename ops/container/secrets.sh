#!/bin/sh
# Makes what compose.yml wants to know and nobody else: passwords and keys, once. What is there stays.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { od -An -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
for name in admin_password owner_password relay_password s3_secret operator_key grafana_password; do
    [ -e "secrets/$name" ] || random 32 > "secrets/$name"
    # The programs in the containers are other users than you; the folder keeps everybody else out.
    chmod 644 "secrets/$name"
done
[ -e .env ] || printf 'S3_KEY_ID=GK%s\nS3_SECRET=%s\nGARAGE_RPC_SECRET=%s\n' "$(random 12)" "$(cat secrets/s3_secret)" "$(random 32)" > .env

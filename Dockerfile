# syntax=docker/dockerfile:1
#
# The image that ships: the program, its GraphiQL page inside, and nothing to compile with.
#
#     docker build --build-arg SIGMASIGHT_COMMIT="$(git rev-parse HEAD)" --tag sigmasight .
#
# It needs a PostgreSQL of its own and, being in production, a secret: see compose.yaml.

FROM node:24-bookworm-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --include=dev
COPY web/ ./
# The tabs of the page.
COPY docs/queries /docs/queries
RUN npm run build


FROM rust:1.95-bookworm AS program
WORKDIR /src

# The page comes from the stage above, so cargo has no use for Node.
ENV SIGMASIGHT_SKIP_WEB=1

# A layer of dependencies alone, kept until a manifest changes: empty crates stand in for ours.
COPY Cargo.toml Cargo.lock ./
COPY analytics/Cargo.toml analytics/
RUN mkdir src analytics/src \
 && touch src/lib.rs analytics/src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --bin sigmasight

COPY . .
COPY --from=web /web/dist web/dist
# What the API tells of the build.
ARG SIGMASIGHT_COMMIT
# Files keep their dates when copied, and cargo would take the empty crates for the newer ones.
RUN touch src/lib.rs src/main.rs analytics/src/lib.rs \
 && cargo build --release --locked --bin sigmasight


FROM debian:bookworm-slim
RUN useradd --uid 10001 --home-dir /var/lib/sigmasight --create-home sigmasight
COPY --from=program /src/target/release/sigmasight /usr/local/bin/

# Production, because the server listens to more than this machine: no demo accounts, no
# simulated prices, no secret made up.
ENV SIGMASIGHT_ENV=production \
    SIGMASIGHT_BIND=0.0.0.0:8000 \
    SIGMASIGHT_DATA_DIR=/var/lib/sigmasight
# By number: Kubernetes cannot tell that a name is not root.
USER 10001
WORKDIR /var/lib/sigmasight
VOLUME /var/lib/sigmasight
EXPOSE 8000

# Alive, not ready: a database that is away must not have every server restarted. There is no
# curl here, but bash can open a connection.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/${SIGMASIGHT_BIND##*:}\" && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["sigmasight"]
CMD ["serve"]

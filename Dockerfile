FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /out/gatehouse ./cmd/gatehouse
RUN mkdir /out/data

# Nothing is in it but the program, certificates of authorities and an empty data directory: no shell. It writes to
# /data alone, so it runs with a root that is read-only (docker run --read-only), and by a number that Kubernetes can
# see is not root's.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/gatehouse /gatehouse
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV GATEHOUSE_HTTP_ADDR=0.0.0.0:8080 GATEHOUSE_DATA_DIR=/data
EXPOSE 8080
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/gatehouse", "ready"]
ENTRYPOINT ["/gatehouse"]
CMD ["serve"]

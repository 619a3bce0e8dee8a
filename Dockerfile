# The static binary and nothing else. After `make packages`: docker build . (or buildah, as `make packages` does).
# In memory by itself; to keep everything: docker run -e KEW_DATA=/data -v kew:/data -p 9324:9324 kew
FROM scratch
# amd64 or arm64, set by whoever builds.
ARG TARGETARCH=amd64
ARG VERSION
LABEL org.opencontainers.image.title="kew" \
      org.opencontainers.image.description="An Amazon SQS-compatible message queue" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="https://github.com/kew-sqs/kew" \
      org.opencontainers.image.documentation="https://docs.rs/kew" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY target/image/${TARGETARCH}/ /
# The user that /data belongs to, and nobody else's: there is no file of users in here.
COPY --chown=65532:65532 target/image/volume/ /
USER 65532:65532
WORKDIR /data
VOLUME /data
ENV KEW_LISTEN=0.0.0.0:9324
EXPOSE 9324
HEALTHCHECK --interval=2s --timeout=4s --start-period=30s CMD ["/kew", "healthcheck"]
ENTRYPOINT ["/kew"]

//! TLS on a connection: which certificate is shown, and the handshake, which is bounded in time and in number.

#[cfg(feature = "tls")]
pub(super) use with_rustls::TlsStream;
#[cfg(feature = "tls")]
pub use with_rustls::{Tls, TlsError};

/// Without the feature `tls` there is none.
#[cfg(not(feature = "tls"))]
#[derive(Debug)]
pub enum Tls {}

#[cfg(feature = "tls")]
mod with_rustls {
    use super::super::limits::HANDSHAKES_MAX;
    use std::fmt;
    use std::io;
    use std::sync::{Arc, PoisonError, RwLock};
    use tokio::net::TcpStream;
    use tokio::sync::Semaphore;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{Error, ServerConfig};

    /// A connection behind its handshake.
    pub(in crate::http) type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

    /// What is spoken behind the handshake.
    const PROTOCOL: &[u8] = b"http/1.1";

    /// Why a certificate and its key cannot be used.
    #[derive(Debug)]
    pub enum TlsError {
        /// There is no certificate in what should hold some.
        NoCertificate,
        /// There is no private key in what should hold one.
        NoKey,
        /// The key is that of another certificate.
        OtherKey,
        /// Something else is wrong with one of them.
        Unusable(Error),
    }

    impl fmt::Display for TlsError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                TlsError::NoCertificate => f.write_str("it has no certificate: PEM with BEGIN CERTIFICATE is wanted"),
                TlsError::NoKey => f.write_str("it has no private key: PEM with BEGIN PRIVATE KEY is wanted"),
                TlsError::OtherKey => f.write_str("the key does not belong to the certificate"),
                TlsError::Unusable(error) => write!(f, "certificate and key cannot be used: {error}"),
            }
        }
    }

    impl std::error::Error for TlsError {}

    /// What a server shows to clients that connect by TLS.
    #[derive(Debug)]
    pub struct Tls {
        config: RwLock<Arc<ServerConfig>>,
        handshakes: Semaphore,
    }

    impl Tls {
        /// Shows a certificate, with those that lead to its root behind it; both are PEM.
        ///
        /// # Errors
        /// Why the two cannot be used.
        pub fn new(certificates: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
            let config = RwLock::new(config(certificates, key)?);
            Ok(Tls { config, handshakes: Semaphore::new(HANDSHAKES_MAX) })
        }

        /// Shows another one from now on; connections that are there go on.
        ///
        /// # Errors
        /// Why the two cannot be used; the old one is shown as before.
        pub fn replace(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsError> {
            let config = config(certificates, key)?;
            *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
            Ok(())
        }

        /// Shakes hands with a client. It has to be given up from outside when it takes too long.
        ///
        /// # Errors
        /// Why there is no connection.
        pub(in crate::http) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
            // A client that says nothing takes no place.
            stream.readable().await?;
            let _place = self.handshakes.acquire().await.map_err(io::Error::other)?;
            let config = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
            TlsAcceptor::from(config).accept(stream).await
        }
    }

    fn config(certificates: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => TlsError::OtherKey,
                other => TlsError::Unusable(other),
            })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }
}

//! TLS to a database: which certificates are taken.

use std::path::Path;
use std::sync::Arc;

use rustls_tokio_postgres::MakeRustlsConnect;
use rustls_tokio_postgres::rustls::client::WebPkiServerVerifier;
use rustls_tokio_postgres::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_tokio_postgres::rustls::crypto::{CryptoProvider, ring};
use rustls_tokio_postgres::rustls::pki_types::pem::PemObject as _;
use rustls_tokio_postgres::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls_tokio_postgres::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, crypto,
};

use super::url::{Address, Verify};
use crate::store::StoreError;

/// What makes TLS sessions for this address; `None` if there are to be none.
pub(super) fn connector(address: &Address) -> Result<Option<MakeRustlsConnect>, StoreError> {
    if !address.may_use_tls() {
        return Ok(None);
    }
    config(address).map(|config| Some(MakeRustlsConnect::new(config))).map_err(|detail| StoreError::Unusable {
        place: address.place.clone(),
        detail,
        cure: "check sslmode, sslrootcert, sslcert and sslkey in its URL".into(),
    })
}

fn config(address: &Address) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match address.verify {
        Verify::Nothing => Arc::new(Lenient { provider: Arc::clone(&provider), authority: None }),
        Verify::Authority => {
            let authority = Some(webpki(address.files.root.as_deref(), &provider)?);
            Arc::new(Lenient { provider: Arc::clone(&provider), authority })
        }
        Verify::Name => webpki(address.files.root.as_deref(), &provider)?,
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    match (&address.files.certificate, &address.files.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err("sslcert and sslkey go together".into()),
    }
}

/// Looks at certificates by these authorities, or by those of the system.
fn webpki(root: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    match root.filter(|root| root.as_os_str() != "system") {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate of an authority was found".into());
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map_err(|error| error.to_string())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let with_name =
        |error: rustls_tokio_postgres::rustls::pki_types::pem::Error| format!("{}: {error}", file.display());
    let read = CertificateDer::pem_file_iter(file).map_err(with_name)?;
    let read = read.collect::<Result<Vec<_>, _>>().map_err(with_name)?;
    if read.is_empty() { Err(format!("{} holds no certificate", file.display())) } else { Ok(read) }
}

/// Looks at no name, and at no authority if there is none: `sslmode=require` and `verify-ca`. That the server has the
/// key of its certificate is looked at all the same.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

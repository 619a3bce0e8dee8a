//! A client of rustls on a socket, and what it trusts.

use crate::support::Answer;
use kew::Server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

/// Trusts what a server has made, and speaks these versions of TLS; all, if none is named.
pub fn trusting(server: &Server, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    trusting_file(server.ca_certificate().expect("a certificate of its own"), versions)
}

/// Trusts what is in a file.
pub fn trusting_file(file: &Path, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let versions = if versions.is_empty() { ALL_VERSIONS } else { versions };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A connection by TLS.
pub struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Connects to the last address of a server, and shakes hands with it under this name.
    ///
    /// # Panics
    /// If that fails.
    pub fn connect(server: &Server, name: &str, config: ClientConfig) -> Client {
        Client::try_connect(*server.addresses().last().unwrap(), name, config).unwrap()
    }

    /// The same, where it may fail.
    pub fn try_connect(address: SocketAddr, name: &str, config: ClientConfig) -> std::io::Result<Client> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(address)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Client(StreamOwned::new(connection, socket)))
    }

    pub fn stream(&mut self) -> &mut impl Read {
        &mut self.0
    }

    /// What was agreed upon behind the handshake.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.conn.alpn_protocol()
    }

    /// The certificate that the server shows.
    pub fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    pub fn send(&mut self, request: impl AsRef<[u8]>) {
        self.0.write_all(request.as_ref()).unwrap();
        self.0.flush().unwrap();
    }

    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request);
        Answer::read(&mut self.0)
    }

    /// Says that nothing more will be said, and closes the socket.
    pub fn close(mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().unwrap();
    }

    /// Closes the socket without a word, as a program does that is killed.
    pub fn vanish(self) {
        drop(self.0.sock);
    }

    /// The rest of what the server says.
    pub fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }
}

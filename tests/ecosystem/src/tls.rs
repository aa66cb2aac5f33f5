//! An authority of a test, the certificates that it signs, and the configurations of rustls with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use futures_rustls::rustls::client::WantsClientCert;
use futures_rustls::rustls::server::WebPkiClientVerifier;
use futures_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

/// An authority that is trusted only where its certificate is given.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// Makes an authority with a key of its own. No two may have the same name: a known name with a wrong
    /// signature is another error than an unknown name.
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Signs a certificate for a name or an IP address.
    pub fn sign(&self, name: &str) -> Identity {
        self.signed(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// Signs a certificate that expired long ago.
    pub fn sign_expired(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.signed(params)
    }

    /// Signs the certificate of an authority, which no server should show.
    pub fn sign_authority(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.signed(params)
    }

    fn signed(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// The configuration of a client that trusts this authority, and shows no certificate.
    pub fn client(&self) -> ClientConfig {
        self.builder().with_no_client_auth()
    }

    /// The configuration of a client that trusts this authority, and shows a certificate.
    pub fn client_as(&self, identity: &Identity) -> ClientConfig {
        self.builder().with_client_auth_cert(identity.chain(), identity.key()).unwrap()
    }

    fn builder(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        ClientConfig::builder().with_root_certificates(self.roots())
    }

    /// The configuration of a server that takes only clients whose certificate this authority has signed.
    pub fn server_for_known(&self, identity: &Identity) -> ServerConfig {
        let verifier = WebPkiClientVerifier::builder(Arc::new(self.roots())).build().unwrap();
        let builder = ServerConfig::builder().with_client_cert_verifier(verifier);
        builder.with_single_cert(identity.chain(), identity.key()).unwrap()
    }

    /// Writes the authority's certificate into a folder, for other programs.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("authority.pem");
        fs::write(&file, self.0.pem()).unwrap();
        file
    }
}

impl Identity {
    /// The configuration of a server that takes any client.
    pub fn server(&self) -> ServerConfig {
        let builder = ServerConfig::builder().with_no_client_auth();
        builder.with_single_cert(self.chain(), self.key()).unwrap()
    }

    /// Writes the certificate and the key into a folder, for other programs.
    pub fn write(&self, folder: &Path) -> [PathBuf; 2] {
        let files = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        fs::write(&files[0], self.certificate.pem()).unwrap();
        fs::write(&files[1], self.key.serialize_pem()).unwrap();
        files
    }

    /// The certificate, as the other side is shown it.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

/// The name of a server, as a client expects it.
///
/// # Panics
///
/// If it is none.
pub fn server_name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

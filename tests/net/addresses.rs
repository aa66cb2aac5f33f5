//! Addresses: their types, the order in which they are tried, and names.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use boucle::net::{TcpListener, TcpStream};

use super::{assert_tried, refused};
use crate::common::{listen, run};

/// Connecting where nothing listens is an error, whether the kernel reports it at once or later.
#[test]
fn a_refused_connection_is_an_error() {
    run(async {
        let error = TcpStream::connect(refused()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// A list of addresses is tried in order until one answers; if none does, the last error is returned.
#[test]
fn every_address_is_tried() {
    run(async {
        let (listener, address) = listen().await;
        let addresses = [refused(), refused(), address];
        let stream = TcpStream::connect(&addresses[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        // An address before the last may be the one that answers.
        let stream = TcpStream::connect(&[address, refused()][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let error = TcpStream::connect(&addresses[..2]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // A listener takes the first address that is free.
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let second = TcpListener::bind(&[address, free][..]).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), address);
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_tried(error, ErrorKind::AddrInUse, &format!("cannot listen on {address}"));
        drop(listener);
    });
}

/// A socket address, a host with a port, text, a list and references to them are addresses.
#[test]
fn an_address_has_many_types() {
    run(async {
        let (listener, address) = listen().await;
        let port = address.port();
        TcpStream::connect(address).await.unwrap();
        TcpStream::connect(&address).await.unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        TcpStream::connect((String::from("127.0.0.1"), port)).await.unwrap();
        TcpStream::connect(address.to_string()).await.unwrap();
        TcpStream::connect(address.to_string().as_str()).await.unwrap();
        TcpStream::connect(&[address][..]).await.unwrap();
        drop(listener);
    });
}

/// Text that cannot be an address is an error that quotes it.
#[test]
fn a_malformed_address_is_an_error() {
    run(async {
        for text in ["localhost", "", ":80", "127.0.0.1", "host:port", "a:70000"] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains(&format!("\"{text}\"")), "{error}");
            let error = TcpListener::bind(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("empty"), "{error}");
    });
}

/// A name is looked up in the thread pool, and its addresses are tried.
#[cfg(feature = "blocking")]
#[test]
fn a_name_is_looked_up() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!("localhost:{port}");
        let stream = TcpStream::connect(text.as_str()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        TcpStream::connect(("localhost", port)).await.unwrap();
    });
}

/// The error for a host that does not exist names it. (No packet leaves the machine if the resolver knows
/// that the name is reserved; elsewhere the look-up fails all the same.)
#[cfg(feature = "blocking")]
#[test]
fn an_unknown_host_is_named() {
    run(async {
        let error = TcpStream::connect("nonexistent.invalid:80").await.unwrap_err();
        assert!(error.to_string().contains("\"nonexistent.invalid\""), "{error}");
    });
}

/// Without the thread pool there is no look-up, and the error names the missing feature.
#[cfg(not(feature = "blocking"))]
#[test]
fn a_name_needs_the_thread_pool() {
    run(async {
        let error = TcpStream::connect("localhost:80").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("\"localhost\""), "{error}");
        assert!(error.to_string().contains("`blocking`"), "{error}");
    });
}

/// Each end knows its own address and the other's.
#[test]
fn both_ends_know_their_addresses() {
    run(async {
        let (listener, address) = listen().await;
        let client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), peer);
        assert_eq!(server.local_addr().unwrap(), address);
        assert_eq!(client.peer_addr().unwrap(), address);
    });
}

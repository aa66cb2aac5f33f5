//! Sockets on the loopback device.

use std::net::{self, SocketAddr};

use boucle::net::{TcpListener, TcpStream};

/// Listens on a port that the system chooses.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Returns both ends of a connection.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen().await;
    let accepted = async move { listener.accept().await };
    let (client, server) = boucle::gather!(TcpStream::connect(address), accepted).await;
    (client.unwrap(), server.unwrap().0)
}

/// Returns both ends of a connection, of which the second is a socket of std's.
pub(crate) async fn pair_with_std() -> (TcpStream, net::TcpStream) {
    let (listener, address) = listen().await;
    let peer = net::TcpStream::connect(address).unwrap();
    (listener.accept().await.unwrap().0, peer)
}

/// Returns both ends of a connection, which are sockets of std's.
pub(crate) fn std_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Returns a byte that depends on its position, so that a lost, doubled or moved piece shows.
pub(crate) fn byte_at(position: usize) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 13) as u8
}

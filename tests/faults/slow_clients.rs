//! Thousands of clients at once, each of which writes one byte at a time.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use boucle::net::{TcpStream, serve};
use boucle::{gather, sleep, spawn, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::common::{Gate, byte_at, count_sources, listen, ms, own_binary, passes_alone};
use crate::descriptors::may_open;

/// Fewer where mio uses `poll`, each call of which looks at all sockets.
const CLIENTS: usize = if cfg!(mio_unsupported_force_poll_poll) { 500 } else { 9_000 };

/// How many bytes each of them writes.
const LEN: usize = 4;

/// All clients are connected at once. Each writes a byte at a time, with a pause after it, and gets its own
/// bytes back, in order.
#[test]
fn thousands_of_slow_clients_lose_no_byte() {
    if passes_alone(own_binary(), "slow_clients::thousands_of_slow_clients_lose_no_byte") {
        return;
    }
    // Both ends of each connection; the loop and the process have fewer than a hundred.
    let needed = 2 * CLIENTS as u64 + 100;
    if !may_open(needed) {
        return;
    }
    let before = crate::open_descriptors();
    count_sources(async |sources| {
        let (listener, address) = listen().await;
        let (open, last) = (Rc::new(Cell::new(0)), Gate::default());
        let count = open.clone();
        let server = serve(listener, move |mut stream: TcpStream, _| {
            count.set(count.get() + 1);
            async move {
                let mut bytes = [0; 2 * LEN];
                loop {
                    match stream.read(&mut bytes).await? {
                        0 => return io::Result::Ok(()),
                        read => stream.write_all(&bytes[..read]).await?,
                    }
                }
            }
        });
        let server =
            spawn(server.on_error(|error| panic!("{error}")).shutdown_when(last.waits()).into_future());
        let mut streams = Vec::new();
        for _ in 0..CLIENTS {
            streams.push(TcpStream::connect(address).await.unwrap());
        }
        while open.get() < CLIENTS {
            yield_now().await;
        }
        let clients = streams.into_iter().enumerate().map(|(number, mut stream)| async move {
            let bytes: [u8; LEN] = std::array::from_fn(|position| byte_at(number * LEN + position));
            for (position, byte) in bytes.iter().enumerate() {
                stream.write_all(&[*byte]).await.unwrap();
                sleep(ms(1 + ((number + position) * 37 % 100) as u64)).await;
            }
            let mut echo = [0; LEN];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, bytes, "client {number}");
            LEN
        });
        let received: usize = gather(clients.collect::<Vec<_>>()).await.iter().sum();
        last.open();
        server.await.unwrap().unwrap();
        println!("connections: {CLIENTS}, bytes: {received}, lost: {}", CLIENTS * LEN - received);
        assert_eq!(received, CLIENTS * LEN);
        yield_now().await;
        assert_eq!(sources.get(), 0);
    });
    assert_eq!(crate::open_descriptors(), before);
}

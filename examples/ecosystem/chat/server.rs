//! The server: what one participant says is sent to all the others in the room.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_tungstenite::tungstenite::{Error, Utf8Bytes};
use boucle::net::{TcpListener, TcpStream};
use stage::println;

use super::conversation::converse;
use super::end::End;
use super::websocket::WebSocket;

/// How many messages are kept for one participant. When another one comes, the oldest is dropped: a
/// slow reader misses lines, and neither fills the memory nor makes the others wait.
const QUEUE: usize = 64;

/// The participants. The tasks share this without a lock, since no borrow of it spans an `await`.
#[derive(Default)]
pub(crate) struct Room {
    /// The messages that are still to be sent to each.
    queues: RefCell<BTreeMap<u64, Sender<Utf8Bytes>>>,
    /// How many have ever entered.
    entered: Cell<u64>,
}

impl Room {
    fn enter(&self) -> (u64, Receiver<Utf8Bytes>) {
        let (queue, to_say) = async_channel::bounded(QUEUE);
        let number = self.entered.get();
        self.entered.set(number + 1);
        self.queues.borrow_mut().insert(number, queue);
        (number, to_say)
    }

    /// Returns how many are in the room.
    pub(crate) fn present(&self) -> usize {
        self.queues.borrow().len()
    }

    fn leave(&self, number: u64) {
        self.queues.borrow_mut().remove(&number);
    }

    /// Sends a text to all others. It is shared, not copied.
    fn broadcast(&self, speaker: u64, text: &Utf8Bytes) {
        for (_, queue) in self.queues.borrow().iter().filter(|(number, _)| **number != speaker) {
            let _ = queue.force_send(text.clone());
        }
    }

    /// Drops the queues, which ends each conversation.
    pub(crate) fn close(&self) {
        self.queues.borrow_mut().clear();
    }
}

/// Serves one participant, from the opening handshake to the closing one.
pub(crate) async fn participate(stream: TcpStream, room: Rc<Room>) -> Result<End, Error> {
    let websocket = WebSocket::accept(stream).await?;
    let (number, to_say) = room.enter();
    let others = Rc::clone(&room);
    let hear = move |text| others.broadcast(number, &text);
    let end = converse(websocket, to_say, hear).await;
    room.leave(number);
    Ok(end)
}

/// Serves one participant, and prints how its conversation ended.
async fn serve_one(stream: TcpStream, peer: SocketAddr, room: Rc<Room>) {
    match participate(stream, room).await {
        Ok(end) => println!("({peer} leaves: {end})"),
        Err(error) => println!("({peer} does not enter: {error})"),
    }
}

/// Serves until the program ends.
pub(crate) async fn serve(listener: TcpListener) -> ! {
    let room = Rc::new(Room::default());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                println!("({peer} connects)");
                drop(boucle::spawn(serve_one(stream, peer, Rc::clone(&room))));
            }
            Err(error) => {
                // If descriptors are lacking, some may be free soon.
                println!("(cannot accept a connection: {error})");
                boucle::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

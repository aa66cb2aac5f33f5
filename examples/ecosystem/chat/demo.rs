//! A server and three clients in one loop, which say fixed lines.

use std::rc::Rc;

use async_channel::{Receiver, Sender};
use async_tungstenite::tungstenite::{Error, Utf8Bytes};
use boucle::JoinHandle;
use boucle::net::TcpListener;
use stage::http::Failure;
use stage::println;

use super::client::connect;
use super::conversation::converse;
use super::end::End;
use super::server::{Room, participate};

/// A client, and the server's side of its connection.
struct Participant {
    name: &'static str,
    /// The lines that it says. It leaves when this is dropped.
    says: Sender<Utf8Bytes>,
    heard: Receiver<Utf8Bytes>,
    client: JoinHandle<End>,
    server: JoinHandle<Result<End, Error>>,
}

pub(crate) async fn demo() -> Result<(), Failure> {
    println!("(a server and three clients, in one loop)");
    let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await?);
    let room = Rc::new(Room::default());
    let alice = enter("Alice", &listener, &room).await?;
    let benoit = enter("Benoît", &listener, &room).await?;
    let chloe = enter("Chloé", &listener, &room).await?;
    say(&alice, "Bonjour !", &[&benoit, &chloe]).await?;
    say(&benoit, "Bonjour Alice.", &[&alice, &chloe]).await?;
    say(&chloe, "Je ne fais que passer.", &[&alice, &benoit]).await?;

    println!("\n(Chloé has nothing more to say)");
    drop(chloe.says);
    println!("Chloé: {}", chloe.client.await?);
    println!("the server: {}", chloe.server.await??);
    println!("({} are left in the room)", room.present());
    say(&alice, "Déjà partie !", &[&benoit]).await?;

    println!("\n(the server closes)");
    room.close();
    for participant in [alice, benoit] {
        println!("the server: {}", participant.server.await??);
        println!("{}: {}", participant.name, participant.client.await?);
    }
    Ok(())
}

/// Connects a client, which is in the room when the opening handshake is done.
async fn enter(
    name: &'static str,
    listener: &Rc<TcpListener>,
    room: &Rc<Room>,
) -> Result<Participant, Failure> {
    let url = format!("ws://{}/", listener.local_addr()?);
    let (listener, room) = (Rc::clone(listener), Rc::clone(room));
    let server = boucle::spawn(async move {
        let (stream, _) = listener.accept().await?;
        participate(stream, room).await
    });
    let websocket = connect(&url).await?;
    let (says, to_say) = async_channel::bounded(1);
    let (hears, heard) = async_channel::unbounded();
    let hear = move |text| drop(hears.try_send(text));
    let client = boucle::spawn(converse(websocket, to_say, hear));
    Ok(Participant { name, says, heard, client, server })
}

/// Sends a line from one client, and prints which clients received it.
async fn say(speaker: &Participant, what: &str, others: &[&Participant]) -> Result<(), Failure> {
    let text = Utf8Bytes::from(format!("{}: {what}", speaker.name));
    println!("{text}");
    speaker.says.send(text.clone()).await?;
    let mut heard_by = Vec::new();
    for other in others {
        if other.heard.recv().await? == text {
            heard_by.push(other.name);
        }
    }
    println!("(heard by {})", heard_by.join(" and "));
    Ok(())
}

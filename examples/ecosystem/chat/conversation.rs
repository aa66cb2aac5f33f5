//! What the server and the client both do with a connection: they send and receive at the same time.

use std::rc::Rc;

use async_channel::Receiver;
use async_tungstenite::tungstenite::{Error, Utf8Bytes};
use boucle::FIRST_COMPLETED;

use super::end::End;
use super::websocket::WebSocket;

/// Sends the texts of `to_say` and calls `hear` with those that come, until one of the two ends; then closes.
pub(crate) async fn converse(
    websocket: WebSocket,
    to_say: Receiver<Utf8Bytes>,
    hear: impl FnMut(Utf8Bytes) + 'static,
) -> End {
    let websocket = Rc::new(websocket);
    let envoyer = boucle::spawn(gestion_envoi_message(Rc::clone(&websocket), to_say));
    let recevoir = boucle::spawn(gestion_reception_message(Rc::clone(&websocket), hear));
    let names = [(envoyer.id(), "envoyer"), (recevoir.id(), "recevoir")];

    let (termine, attente) = boucle::wait([envoyer, recevoir], FIRST_COMPLETED).await;
    let mut end = End::new(names, &termine, &attente);

    // The course leaves this task running. It would wait for ever, and keep the connection open.
    for task in attente {
        task.abort();
        end.aborted &= task.await.is_err_and(|error| error.is_cancelled());
    }

    let mut result = Ok(());
    for task in termine {
        result = result.and(task.await.unwrap_or_else(|panicked| panicked.resume()));
    }

    let websocket = Rc::into_inner(websocket).expect("the tasks had the two other references");
    end.closed = websocket.close(result).await;
    end
}

/// Sends texts until the channel's senders are gone.
async fn gestion_envoi_message(websocket: Rc<WebSocket>, to_say: Receiver<Utf8Bytes>) -> Result<(), Error> {
    while let Ok(text) = to_say.recv().await {
        websocket.send(text).await?;
    }
    Ok(())
}

/// Receives texts until the other side has sent its close frame.
async fn gestion_reception_message(
    websocket: Rc<WebSocket>,
    mut hear: impl FnMut(Utf8Bytes),
) -> Result<(), Error> {
    while let Some(text) = websocket.receive().await? {
        hear(text);
        // If a hundred texts have come at once, no await above waits. Yielding gives the tasks that
        // pass them on a turn after each.
        boucle::yield_now().await;
    }
    Ok(())
}

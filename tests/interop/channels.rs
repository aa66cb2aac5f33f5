//! Channels, and buffered readers and writers.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use boucle::net::TcpStream;
use boucle::{spawn, yield_now};
use futures::stream::StreamExt;
use futures_lite::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};

use crate::common::{listen, run, virtually};

/// A bounded channel between tasks keeps the order, and holds up the sender while it is full.
#[test]
fn a_channel_between_two_tasks() {
    virtually(async {
        let (sender, receiver) = async_channel::bounded(2);
        let log = Rc::new(RefCell::new(Vec::new()));
        let sent = log.clone();
        let producer = spawn(async move {
            for number in 0..5 {
                sender.send(number).await.unwrap();
                sent.borrow_mut().push(format!("sent {number}"));
            }
        });
        yield_now().await;
        assert_eq!(*log.borrow(), ["sent 0", "sent 1"]);
        for number in 0..5 {
            assert_eq!(receiver.recv().await, Ok(number));
        }
        assert!(receiver.recv().await.is_err());
        producer.await.unwrap();
    });
}

/// A channel between a thread and a task wakes the loop out of its park, and the thread out of its own.
#[test]
fn a_channel_between_a_thread_and_a_task() {
    run(async {
        let (questions, asked) = async_channel::bounded::<u32>(1);
        let (answers, answered) = async_channel::bounded::<u32>(1);
        let other = thread::spawn(move || {
            while let Ok(number) = asked.recv_blocking() {
                answers.send_blocking(number * 2).unwrap();
            }
        });
        for number in 0..200 {
            questions.send(number).await.unwrap();
            assert_eq!(answered.recv().await, Ok(number * 2));
        }
        drop(questions);
        other.join().unwrap();
    });
}

/// Buffered readers and writers work on a stream and on a reference to one: lines go one way and come
/// back.
#[test]
fn buffered_readers_read_lines() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut lines = BufReader::new(&stream).lines();
            let mut writer = BufWriter::new(&stream);
            while let Some(line) = lines.next().await {
                let line = line.unwrap().to_uppercase() + "\n";
                writer.write_all(line.as_bytes()).await.unwrap();
            }
            writer.close().await.unwrap();
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let text: String = (0..2_000).map(|number| format!("line {number}\n")).collect();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.close().await.unwrap();
        let lines: Vec<String> = BufReader::new(stream).lines().map(|line| line.unwrap()).collect().await;
        assert_eq!(lines.join("\n") + "\n", text.to_uppercase());
        server.await.unwrap();
    });
}

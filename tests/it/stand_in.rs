//! A stand-in for an AWS API: takes one call and answers as it is told.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the stand-in does with a call.
pub enum Reply {
    /// Answers with this status, these headers and this body.
    Answer(u16, &'static str, &'static str),
    /// Reads the call and cuts the connection, as a gateway does that has had enough of waiting.
    Reset,
    /// Reads the call and ends the connection in good order, without an answer.
    Close,
}

pub struct Call {
    pub target: String,
    pub body: Value,
}

/// The SDK's configuration for a stand-in that listens there.
pub fn sdk(listener: &TcpListener) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "local", "local", None, None, "test",
        )))
        .build()
}

/// Takes one call.
pub async fn serve(listener: &TcpListener, reply: Reply) -> Call {
    let (mut stream, _) = listener.accept().await.unwrap();
    let call = read(&mut stream).await;
    match reply {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        Reply::Reset => stream.set_zero_linger().unwrap(),
        Reply::Close => {}
    }
    call
}

async fn read(stream: &mut TcpStream) -> Call {
    let mut reader = BufReader::new(stream);
    let mut target = String::new();
    reader.read_line(&mut target).await.unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    // A GET has none.
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Call { target: target.trim_end().to_owned(), body }
}

//! The AWS SDK without a socket: requests are handed to a server of the same process.
#![cfg(feature = "aws-sdk")]

use kew::aws_sdk_sqs::Client;
use kew::aws_sdk_sqs::config::retry::RetryConfig;
use kew::aws_sdk_sqs::config::timeout::TimeoutConfig;
use kew::aws_sdk_sqs::error::{ConnectorError, SdkError};
use kew::aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use kew::internals::clock::NetworkTime;
use kew::internals::control::How;
use kew::{Action, Auto, Fault, QueueConfig, Server};
use std::error::Error;
use std::pin::pin;
use std::time::Duration;

type Outcome = Result<(), Box<dyn Error>>;

const SECONDS_5: Duration = Duration::from_secs(5);

fn server() -> Result<Server, Box<dyn Error>> {
    Ok(Server::builder().queue("orders").start()?)
}

/// The client, with neither a second try nor a limit on its time.
fn trying_once(server: &Server) -> Client {
    let config = kew::aws_sdk_sqs::config::Builder::from(&server.in_process_config());
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

async fn send(client: &Client, url: &str, body: &str) -> Outcome {
    client.send_message().queue_url(url).message_body(body).send().await?;
    Ok(())
}

fn bodies(received: &ReceiveMessageOutput) -> Vec<&str> {
    received.messages().iter().filter_map(|message| message.body()).collect()
}

/// Why there was no answer.
fn failure<T, E>(outcome: &Result<T, SdkError<E>>) -> Option<&ConnectorError> {
    match outcome {
        Err(SdkError::DispatchFailure(failure)) => failure.as_connector_error(),
        _ => None,
    }
}

/// Lets others run until so many receives wait.
async fn parked(server: &Server, count: usize) {
    while server.waiting_receivers("orders") != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_whole_cycle_at_an_address_that_nobody_can_reach() -> Outcome {
    let server = Server::builder().external_url("http://nobody.invalid:1").start()?;
    let sqs = server.in_process_client();
    let url = sqs.create_queue().queue_name("orders").send().await?.queue_url.ok_or("no URL")?;
    assert_eq!(url, "http://nobody.invalid:1/000000000000/orders");

    let body = "é".repeat(100_000);
    let sent = sqs.send_message().queue_url(&url).message_body(&body).send().await?;
    let received = sqs.receive_message().queue_url(&url).send().await?;
    assert_eq!(bodies(&received), [body]);
    let handle = received.messages()[0].receipt_handle().unwrap_or_default();
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await?;

    let history = server.history(sent.message_id().unwrap_or_default()).ok_or("no history")?;
    assert_eq!(history.events(), ["sent", "received", "deleted"]);
    let missing = sqs.get_queue_url().queue_name("other").send().await;
    assert!(missing.is_err_and(|error| error.into_service_error().is_queue_does_not_exist()));
    Ok(())
}

#[tokio::test]
async fn a_long_poll_is_woken_by_a_turn_of_the_clock() -> Outcome {
    let server = server()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await?;
    let mut receive = pin!(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::select! {
        received = &mut receive => panic!("not later: {received:?}"),
        () = parked(&server, 1) => server.advance(Duration::from_secs(900)),
    }
    assert_eq!(bodies(&receive.await?), ["later"]);
    Ok(())
}

#[tokio::test]
async fn a_manual_clock_ends_a_long_poll() -> Outcome {
    let server = Server::builder().queue("orders").manual_clock().start()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    let mut receive = pin!(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::select! {
        received = &mut receive => panic!("at once: {received:?}"),
        () = parked(&server, 1) => server.advance(Duration::from_secs(20)),
    }
    assert!(bodies(&receive.await?).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_receive_that_is_dropped_leaves_the_queue() -> Outcome {
    let server = server()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    tokio::select! {
        received = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send() => panic!("{received:?}"),
        () = parked(&server, 1) => {}
    }
    assert_eq!(server.waiting_receivers("orders"), 0);
    send(&sqs, &url, "1001").await?;
    server.expect("orders").visible(1).now()?;
    Ok(())
}

#[tokio::test]
async fn what_a_dropped_receive_was_handed_goes_back() -> Outcome {
    let server = server()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    {
        let mut receive = pin!(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
        tokio::select! {
            received = &mut receive => panic!("{received:?}"),
            () = parked(&server, 1) => {}
        }
        send(&sqs, &url, "1001").await?;
        server.expect("orders").in_flight(1).now()?;
    }
    server.expect("orders").visible(1).now()?;
    assert_eq!(server.peek("orders").first().ok_or("no message")?.receive_count, 0);
    Ok(())
}

#[tokio::test]
async fn the_clock_jumps_while_consumers_wait_in_process() -> Outcome {
    let server = Server::builder().queue(QueueConfig::new("orders").dead_letter("orders-dead", 3)).start()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    send(&sqs, &url, "1001").await?;
    let consumer = tokio::spawn(async move {
        loop {
            let _ = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await; // and fails each time
        }
    });
    server.expect("orders-dead").visible(1).auto(Auto::new().consumers("orders", 1)).within(SECONDS_5).await?;
    consumer.abort();
    Ok(())
}

#[tokio::test]
async fn a_namespace_has_clients_of_its_own() -> Outcome {
    let server = server()?;
    let namespace = server.namespace("one", ["orders"])?;
    send(&namespace.in_process_client(), &namespace.queue_url("orders"), "1001").await?;
    namespace.expect("orders").visible(1).now()?;
    server.expect("orders").empty().now()?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() -> Outcome {
    let server = server()?;
    let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::lost_answer().on(Action::SendMessage).nth([1]));
    send(&sqs, &url, "1001").await?;
    server.expect("orders").visible(2).now()?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for_longer_than_the_sdk_is_set_to() -> Outcome {
    let time = NetworkTime::manual();
    let server = Server::builder().queue("orders").network_time(time.clone()).start()?;
    let limit = TimeoutConfig::builder().read_timeout(Duration::from_secs(60)).build();
    let config = kew::aws_sdk_sqs::config::Builder::from(&server.in_process_config());
    let sqs = Client::from_conf(config.retry_config(RetryConfig::disabled()).timeout_config(limit).build());
    let fault = server.fault(Fault::lost_answer().on(Action::SendMessage).how(How::Never));
    let mut send = pin!(sqs.send_message().queue_url(server.queue_url("orders")).message_body("1001").send());
    let fired = async {
        while fault.fired() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = &mut send => panic!("{outcome:?}"),
        () = fired => assert!(time.advance(Duration::from_secs(60))),
    }
    let outcome = send.await;
    assert!(failure(&outcome).is_some_and(ConnectorError::is_timeout), "{outcome:?}");
    server.expect("orders").visible(1).now()?;
    Ok(())
}

#[tokio::test]
async fn requests_to_a_server_that_is_gone_fail_and_those_under_way_are_cut_off() -> Outcome {
    let server = server()?;
    let (sqs, url) = (trying_once(&server), server.queue_url("orders"));
    let mut receive = pin!(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::select! {
        received = &mut receive => panic!("{received:?}"),
        () = parked(&server, 1) => drop(server),
    }
    for outcome in [receive.await, sqs.receive_message().queue_url(&url).send().await] {
        assert!(failure(&outcome).is_some_and(ConnectorError::is_io), "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_shuts_down_ends_long_polls() -> Outcome {
    let server = server()?;
    let (sqs, url) = (trying_once(&server), server.queue_url("orders"));
    let receive = tokio::spawn(async move { sqs.receive_message().queue_url(url).wait_time_seconds(20).send().await });
    parked(&server, 1).await;
    server.shutdown().await;
    // With nothing, or cut off if it came to that too late.
    assert!(receive.await?.map_or(true, |received| received.messages().is_empty()));
    Ok(())
}

//! The bank's core-banking system over HTTP: orders out, answers in. It decides nothing and never repeats an order by
//! itself: the core asks again by the same key.
//!
//! `POST {url}/postings` `{key, application_id, amount_fen}`, `GET {url}/postings/{key}`, `POST {url}/postings/{key}/close`;
//! each answers `{"outcome": "posted", "posting_no": …}`, `{"outcome": "in_suspense",
//! "posting_no": …}` (paid out, and the account closed), `{"outcome": "not_posted", "why": …}`, `{"outcome": "closed"}` or
//! `{"outcome": "unknown"}`. Whatever else comes back, or nothing, is *unknown*.

use crate::about;
use domain::ApplicationId;
use organisation::{PortAction, PortAnswer, PortOrder, PostingAnswer};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Orders that may be under way at once.
const AT_ONCE: usize = 16;

/// Carries out orders until the queue closes or shutdown. Orders that were not answered before a crash come again from
/// the database at start; they carry the same keys. What is not answered within `timeout` is unknown.
pub async fn carry_out(
    url: String,
    timeout: Duration,
    mut orders: mpsc::Receiver<PortOrder>,
    answers: mpsc::Sender<(ApplicationId, PortAnswer)>,
    shutdown: CancellationToken,
) {
    let client = match reqwest::Client::builder().timeout(timeout).build() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no HTTP client: the core-banking system cannot be reached");
            return;
        }
    };
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            order = orders.recv(), if under_way.len() < AT_ONCE => match order {
                None => return,
                Some(order) => {
                    let (client, url, answers) = (client.clone(), url.clone(), answers.clone());
                    under_way.spawn(async move {
                        let id = order.application_id.clone();
                        let posting = telemetry::about(move || about::application(&id), ask(&client, &url, &order)).await;
                        let answer = PortAnswer::CoreBanking { key: order.key, posting };
                        let _ = answers.send((order.application_id, answer)).await;
                    });
                }
            },
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str, order: &PortOrder) -> PostingAnswer {
    let url = url.trim_end_matches('/');
    let request = match &order.action {
        PortAction::Post { amount_fen } => client.post(format!("{url}/postings")).json(&serde_json::json!({
            "key": order.key,
            "application_id": order.application_id,
            "amount_fen": amount_fen,
        })),
        PortAction::Ask => client.get(format!("{url}/postings/{}", order.key)),
        PortAction::Close => client.post(format!("{url}/postings/{}/close", order.key)),
        // No order to a core-banking system; what is not understood is unknown.
        PortAction::Seal { .. } => return PostingAnswer::Unknown,
    };
    let answer = match request.send().await {
        Ok(response) if response.status().is_success() => response.json::<PostingAnswer>().await,
        Ok(response) => {
            tracing::warn!(key = %order.key, status = %response.status(), "the core-banking system did not say");
            return PostingAnswer::Unknown;
        }
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| {
        tracing::warn!(key = %order.key, %error, "the core-banking system did not say");
        PostingAnswer::Unknown
    })
}

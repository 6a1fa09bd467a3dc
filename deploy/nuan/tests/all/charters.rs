//! New rules, from a draft on an engineer's machine to the first application that is filed under them.

use crate::desk::{Browser, House};
use domain::{Charter, Date, Fen, Moment, Party};
use nuan::{api::Api, firms};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Output},
};

const SIGNATORY: &[&str] = &["charter_signatory"];

fn nuan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuan")).args(arguments).output().unwrap()
}

fn says(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The next version: loans up to 600,000 yuan, two months later.
fn draft(folder: &Path) -> (std::path::PathBuf, Charter) {
    let base = firms::charter(folder).unwrap();
    let arguments = ["charter", "new", "--effective-from=2019-08-01", "--set=amount_max_fen=60000000", "--base"];
    let draft = says(&nuan(&[&arguments[..], &[base.to_str().unwrap()]].concat()));
    let file = folder.join("next.json");
    std::fs::write(&file, &draft).unwrap();
    (file, serde_json::from_str(&draft).unwrap())
}

/// Whether a page or its list shows the charter like this.
async fn answers(browser: &mut Browser, hash: &str, verb: &str, because: &str) -> String {
    let path = format!("/charters/{hash}");
    let page = browser.until(&path, "本机构的答复").await;
    let done = browser.fill(&page, &path, &[("verb", verb), ("because", because)]).await;
    if done.status == StatusCode::SEE_OTHER { browser.open(&done.to).await.text } else { done.text }
}

#[tokio::test]
async fn the_three_agree_on_new_rules_and_what_is_filed_from_their_first_day_is_under_them() {
    let house = House::open().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, charter) = draft(folder.path());
    let (hash, text) = (charter.hash().to_hex(), serde_json::to_string(&charter).unwrap());

    // At the union's desk: one brings it forward, another confirms.
    let mut li = house.officer(Party::Union, "li", SIGNATORY).await;
    let mut wang = house.officer(Party::Union, "wang", SIGNATORY).await;
    let page = li.open("/charters").await;
    let proposed = li.fill(&page, "/charters", &[("charter", &text), ("because", "提高额度")]).await;
    assert_eq!(proposed.to, format!("/charters/{hash}?done=proposed"), "{}", proposed.text);
    let page = wang.open(&format!("/charters/{hash}")).await;
    assert!(page.says("最高贷款额") && page.says("500,000.00 元") && page.says("600,000.00 元"), "{}", page.text);
    assert!(page.says("提高额度"), "{}", page.text);
    assert!(answers(&mut wang, &hash, "accept", "同意").await.contains("已答复，并告知另两方。"));

    // At the guarantor's desk it has come by itself.
    let mut zhao = house.officer(Party::Guarantor, "zhao", SIGNATORY).await;
    let mut qian = house.officer(Party::Guarantor, "qian", SIGNATORY).await;
    assert!(answers(&mut zhao, &hash, "accept", "同意").await.contains("已提议，待另一人确认。"));
    let again = zhao.open(&format!("/charters/{hash}")).await;
    assert!(!again.says("value=\"accept\"") && again.says("value=\"drop\""), "not by the same person: {}", again.text);
    assert!(answers(&mut qian, &hash, "accept", "同意").await.contains("已答复，并告知另两方。"));

    // The bank's signatories use the command, their tokens in files.
    let bank = &house.services[&Party::Bank];
    let mut outcome = Vec::new();
    for person in ["wu", "zheng"] {
        let token = folder.path().join(person);
        std::fs::write(&token, house.token(Party::Bank, person, SIGNATORY).await).unwrap();
        let service = format!("--service=bank={},@{}", bank.url, token.display());
        outcome.push(says(&nuan(&["charter", "propose", file.to_str().unwrap(), "--because=同意", &service])));
    }
    assert!(outcome[0].ends_with(": proposed at the bank; another signatory has to do the same\n"), "{outcome:?}");
    assert!(outcome[1].contains(": accepted"), "{outcome:?}");
    for (browser, party) in [(&mut li, "union"), (&mut zhao, "guarantor")] {
        let page = browser.until(&format!("/charters/{hash}"), "三方已接受").await;
        assert!(!page.says("本机构的答复"), "{party}: {}", page.text);
    }

    // Until the first day the old one is in force, then the new one.
    let union = Api::new(&house.services[&Party::Union].url, &house.applicant).unwrap();
    let form = |n: u32| {
        let mut form = firms::form(n, 0).unwrap();
        form["amount_fen"] = json!(60_000_000);
        form
    };
    let refused = union.post("applications", &form(1)).await.unwrap_err();
    assert!(refused.to_string().contains("AMOUNT"), "{refused:#}");
    for service in house.services.values() {
        let operator = Api::new(&service.url, &service.operator_token).unwrap();
        let first = Moment::start_of(Date::constant(2019, 8, 1)).plus_hours(9);
        operator.post("clock", &json!({ "at": first.to_string() })).await.unwrap();
    }
    let filed = union.post("applications", &form(1)).await.unwrap();
    let id = filed["application_id"].as_str().unwrap();
    assert_eq!(union.get(&format!("applications/{id}")).await.unwrap()["charter"], json!(hash));

    let services =
        house.services.values().map(|one| format!("--service={}={},{}", one.party, one.url, one.operator_token));
    let services: Vec<String> = services.collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let lists: Value =
        serde_json::from_str(&says(&nuan(&[&["charter", "show", "--json"], &services[..]].concat()))).unwrap();
    for party in Party::ALL {
        let list = lists[party.as_str()].as_array().unwrap();
        let in_force: Vec<&Value> = list.iter().filter(|one| one["in_force"] == true).map(|one| &one["hash"]).collect();
        assert_eq!(in_force, [&json!(hash)], "{party}");
    }
}

#[tokio::test]
async fn what_is_no_charter_or_comes_from_nobody_who_signs_is_refused_and_nothing_typed_is_lost() {
    let house = House::open().await;
    let folder = tempfile::tempdir().unwrap();
    let (_, charter) = draft(folder.path());
    let mut li = house.officer(Party::Union, "li", SIGNATORY).await;
    let text = |charter: &Charter| serde_json::to_string(charter).unwrap();
    let broken = Charter { amount_max_fen: Fen::new(1), ..charter.clone() };
    for (typed, why) in [
        ("rules".to_owned(), "章程全文不是 JSON（第 1 行）。"),
        (r#"{"version": 2}"#.to_owned(), "programme"),
        (text(&broken), "amount_max_fen"),
        (text(&Charter { programme: "another".into(), ..charter.clone() }), "不是本项目的章程"),
        (text(&Charter { version: 1, ..charter.clone() }), "版本号已被使用"),
        (text(&Charter { effective_from: Date::constant(2019, 6, 3), ..charter.clone() }), "已过接受期限"),
    ] {
        let page = li.open("/charters").await;
        let refused = li.fill(&page, "/charters", &[("charter", &typed), ("because", "新规则")]).await;
        assert!(refused.status.is_client_error() && refused.says(why), "{typed}: {}", refused.text);
        assert!(refused.says("新规则") && refused.says("role=\"alert\""), "{typed}: {}", refused.text);
    }
    let mut officer = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    let page = officer.open("/charters").await;
    assert!(page.says("现行") && !page.says("提出新章程"), "{}", page.text);
    let union = &house.services[&Party::Union];
    let token = house.token(Party::Union, "zhou", &["fund_manager"]).await;
    let zhou = Api::new(&union.url, &token).unwrap();
    let refused = zhou.post("charters", &json!({ "charter": charter, "because": "x" })).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused:#}");
    let list = zhou.get("charters").await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "nothing was kept: {list:?}");
}

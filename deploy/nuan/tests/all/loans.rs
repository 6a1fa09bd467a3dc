//! A loan at the desks, once it is paid out: reversed on its day, or paid back to the last fen.

use crate::desk::{AGREE, APPROVE, Browser, House, Page, RECOMMEND, apply, apply_with};
use domain::{Moment, Party};
use nuan::{api::Api, firms};
use reqwest::StatusCode;
use serde_json::json;

/// Everybody whom a pay-out needs.
struct Officers {
    li: Browser,
    zhao: Browser,
    qian: Browser,
    sun: Browser,
    wu: Browser,
    zheng: Browser,
}

impl Officers {
    async fn of(house: &House) -> Self {
        Officers {
            li: house.officer(Party::Union, "li", &["intake_officer"]).await,
            zhao: house.officer(Party::Guarantor, "zhao", &["risk_manager"]).await,
            qian: house.officer(Party::Guarantor, "qian", &["contract_officer", "letter_maker"]).await,
            sun: house.officer(Party::Guarantor, "sun", &["letter_checker"]).await,
            wu: house.officer(Party::Bank, "wu", &["credit_investigator", "payment_maker", "operations"]).await,
            zheng: house.officer(Party::Bank, "zheng", &["credit_approver", "payment_checker"]).await,
        }
    }

    async fn pay_out(&mut self, id: &str) {
        self.li.decide(id, "check-eligibility", &[("choice", "approve")]).await;
        self.zhao.decide(id, "due-diligence", AGREE).await;
        self.wu.decide(id, "investigate", RECOMMEND).await;
        self.zheng.decide(id, "decide-credit", APPROVE).await;
        self.qian.decide(id, "sign-contracts", &[("choice", "PLEDGE"), ("PLEDGE.pledge", "机器设备一台")]).await;
        self.qian.decide(id, "prepare-letter", &[]).await;
        self.sun.decide(id, "check-letter", &[("choice", "release")]).await;
        self.wu.decide(id, "sign-loan-contract", &[]).await;
        self.wu.decide(id, "prepare-payment", &[]).await;
        self.zheng.decide(id, "check-payment", &[("choice", "release")]).await;
    }
}

/// Does what stands on the desk under this title.
async fn act(browser: &mut Browser, title: &str, fields: &[(&str, &str)]) -> Page {
    let list = browser.open("/actions").await;
    let address =
        list.text.split("href=\"").find(|rest| rest.split('<').next().is_some_and(|link| link.ends_with(title)));
    let address = address.unwrap_or_else(|| panic!("no {title}: {}", list.text)).split('"').next().unwrap().to_owned();
    let page = browser.open(&address).await;
    browser.fill(&page, &address, fields).await
}

#[tokio::test]
async fn a_pay_out_is_reversed_on_its_day_by_two_persons_and_nothing_is_left_of_it() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut officers = Officers::of(&house).await;
    let id = apply(&mut applicant, 0).await;
    let reverse = async |browser: &mut Browser, id: &str| {
        act(browser, "冲正当日放款", &[("application_id", id), ("because", "放款金额有误")]).await
    };
    officers.li.decide(&id, "check-eligibility", &[("choice", "approve")]).await;
    officers.zhao.until("/tasks", &id).await;
    assert!(reverse(&mut officers.wu, &id).await.says("没有此申请"), "the bank has not heard of it");
    assert_eq!(reverse(&mut officers.wu, "NCD").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let second = apply(&mut applicant, 1).await;
    officers.pay_out(&second).await;
    applicant.until(&format!("/applications/{second}"), "已办结：银行放款").await;
    assert!(!officers.zheng.open("/actions").await.says("冲正当日放款"), "a checker prepares nothing");
    assert!(reverse(&mut officers.wu, &second).await.says("已办理"));
    assert!(reverse(&mut officers.wu, &second).await.says("已在复核中"));
    officers.zheng.decide(&second, "check-reversal", &[("choice", "release")]).await;
    let page = applicant.until(&format!("/applications/{second}"), "冲正").await;
    assert!(!page.says("/schedule"), "{}", page.text);
    officers.zhao.until(&format!("/applications/{second}"), "冲正").await;
    let page = applicant.open(&format!("/applications/{second}/schedule")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "nothing is due: {}", page.text);
    assert!(reverse(&mut officers.wu, &second).await.says("已经冲正"));
}

#[tokio::test]
async fn a_loan_is_paid_back_at_the_banks_desk_and_all_three_see_it() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut officers = Officers::of(&house).await;
    let id = apply(&mut applicant, 0).await;
    officers.pay_out(&id).await;
    officers.zhao.until(&format!("/applications/{id}"), "已生效").await;
    applicant.until(&format!("/applications/{id}"), "已办结：银行放款").await;

    // Not before its day, not more than is owed, not twice.
    let paid_out_on = firms::DAY.to_string();
    let pay = async |browser: &mut Browser, reference: &str, on: &str, yuan: &str, kind: &str| {
        let fields = [("reference", reference), ("value_date", on), ("amount_fen", yuan), ("kind", kind)];
        act(browser, "登记收款", &[&[("application_id", id.as_str())], &fields[..]].concat()).await
    };
    assert!(pay(&mut officers.wu, "HK-1", &paid_out_on, "1", "SCHEDULED").await.says("该日应还 0.00 元"));
    assert!(pay(&mut officers.wu, "HK-1", "2030-01-01", "1", "SCHEDULED").await.says("晚于今日"));
    let wrong = pay(&mut officers.wu, "HK-1", "昨日", "一", "SCHEDULED").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    assert!(!officers.zheng.open("/actions").await.says("登记收款"), "no business of a checker's");

    // The first interest falls due, and is overdue the day after.
    let bank = officers.wu.until(&format!("/loans/{id}"), "还款计划").await;
    let first =
        bank.text.split("<td>").find_map(|cell| cell.split('<').next().filter(|text| text.starts_with("20"))).unwrap();
    let first: domain::Date = first.parse().unwrap();
    let to = |day: domain::Date| Moment::start_of(day).plus_hours(9);
    drive(&house, to(first.tomorrow().unwrap())).await;
    let page = officers.wu.until(&format!("/loans/{id}"), "逾期利息").await;
    assert!(page.says("复利") || page.says("今日应还合计"), "{}", page.text);
    applicant.until(&format!("/applications/{id}"), "逾期").await;

    // Entered a day later with the value of its day: nothing is overdue any more.
    let service = &house.services[&Party::Bank];
    let token = house.token(Party::Bank, "auditor", &["auditor"]).await;
    let auditor = Api::new(&service.url, &token).unwrap();
    let account = auditor.get(&format!("loans/{id}")).await.unwrap();
    let interest = account["dues"][0]["interest_fen"].as_i64().unwrap();
    let yuan = format!("{}.{:02}", interest / 100, interest % 100);
    assert!(pay(&mut officers.wu, "HK-1", &first.to_string(), &yuan, "SCHEDULED").await.says("已办理"));
    assert!(pay(&mut officers.wu, "HK-1", &first.to_string(), &yuan, "SCHEDULED").await.says("已入账"));
    applicant.until(&format!("/applications/{id}/schedule"), "还款记录").await;
    officers.zhao.until(&format!("/applications/{id}"), "逾期款项已还清").await;

    // A wrong receipt is reversed by its number, and paid again.
    let reversal = [("application_id", id.as_str()), ("receipt", "1"), ("because", "记错账户")];
    assert!(act(&mut officers.wu, "冲正收款", &reversal).await.says("已办理"));
    assert!(act(&mut officers.wu, "冲正收款", &reversal).await.says("已经冲正"));
    assert!(pay(&mut officers.wu, "HK-2", &first.to_string(), &yuan, "SCHEDULED").await.says("已办理"));

    // The rest at once, before it is due.
    let later = to(first).plus_hours(30 * 24).date();
    drive(&house, to(later)).await;
    assert!(pay(&mut officers.wu, "HK-3", &later.to_string(), "50,000", "EARLY").await.says("当日提前结清应还"));
    let days = 30_i64;
    let rest = 5_000_000 + (5_000_000_i64 * 43_500 * days + 180_000_000) / 360_000_000;
    let rest = format!("{}.{:02}", rest / 100, rest % 100);
    assert!(pay(&mut officers.wu, "HK-3", &later.to_string(), &rest, "EARLY").await.says("已办理"));
    officers.zhao.until(&format!("/applications/{id}"), "已解除").await;
    applicant.until(&format!("/applications/{id}"), "已提前结清").await;
    assert!(pay(&mut officers.wu, "HK-4", &later.to_string(), "1", "SCHEDULED").await.says("贷款已结清"));
    let page = officers.wu.until(&format!("/loans/{id}"), "已提前结清").await;
    assert!(page.says("HK-2"), "{}", page.text);

    // The firm may apply again, or renew its loan within thirty days.
    let renewal = [("renewal_of", id.as_str()), ("renewal_mode", "REPAY_FIRST")];
    let renewal = apply_with(&mut applicant, 0, &renewal).await;
    let page = applicant.open(&format!("/applications/{renewal}")).await;
    assert!(page.says("续贷自") && page.says(&id) && page.says("先还后贷"), "{}", page.text);
}

async fn drive(house: &House, to: Moment) {
    for service in house.services.values() {
        let operator = Api::new(&service.url, &service.operator_token).unwrap();
        operator.post("clock", &json!({ "at": to.to_string() })).await.unwrap();
    }
}

#[tokio::test]
async fn a_borrower_who_is_hit_gets_a_plan_that_bank_guarantor_and_borrower_agree_to() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut officers = Officers::of(&house).await;
    let id = apply(&mut applicant, 0).await;
    officers.pay_out(&id).await;
    let case = format!("/applications/{id}");
    applicant.until(&case, "已办结：银行放款").await;
    // What a page offers about the application, done with these fields.
    let offered = async |browser: &mut Browser, title: &str, fields: &[(&str, &str)]| {
        let page = browser.until(&format!("/applications/{id}"), title).await;
        let (_, form) = page.text.split_once(&format!("<summary>{title}</summary>")).unwrap();
        let action = form.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        browser.fill(&page, &action, fields).await
    };
    let ask = [("via", "WECHAT"), ("reason", "未能开工，还款还息困难")];
    assert!(offered(&mut applicant, "申请纾困（一企一策）", &ask).await.says("纾困政策未施行"));

    // Three interest dates later the policy is in force.
    let to = |day: &str| Moment::start_of(day.parse().unwrap()).plus_hours(9);
    for (n, day) in ["2019-06-21", "2019-09-21", "2019-12-21"].into_iter().enumerate() {
        drive(&house, to(day)).await;
        let token = house.token(Party::Bank, &format!("o{n}"), &["operations", "auditor"]).await;
        let bank = Api::new(&house.services[&Party::Bank].url, &token).unwrap();
        let account = bank.get(&format!("loans/{id}")).await.unwrap();
        let body = json!({
            "application_id": id, "reference": format!("HK-{n}"), "value_date": day, "kind": "SCHEDULED",
            "amount_fen": account["owed_today_fen"],
        });
        bank.post("repayments", &body).await.unwrap();
    }
    drive(&house, to("2020-02-24")).await;
    let wrong = offered(&mut applicant, "申请纾困（一企一策）", &[("via", ""), ("reason", "")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    assert_eq!(offered(&mut applicant, "申请纾困（一企一策）", &ask).await.status, StatusCode::SEE_OTHER);
    officers.li.decide(&id, "triage-relief", &[("choice", "accept")]).await;
    officers
        .wu
        .decide(
            &id,
            "propose-relief",
            &[
                ("choice", "propose"),
                ("propose.defer_due_on", "2020-03-21"),
                ("propose.defer_parts_on", "2020-04-21\n2020-05-21"),
            ],
        )
        .await;
    officers.zhao.decide(&id, "consent-relief", &[("choice", "consent")]).await;
    let page = applicant.until(&case, "签署纾困方案").await;
    assert!(page.says("延期付息") && page.says("2020-05-21"), "{}", page.text);
    assert_eq!(offered(&mut applicant, "签署纾困方案", &[]).await.status, StatusCode::SEE_OTHER);
    applicant.until(&case, "方案执行中").await;
    officers.wu.until(&format!("/loans/{id}"), "纾困中").await;
    let page = applicant.until(&format!("{case}/schedule"), "2020-05-21").await;
    assert!(!page.says("2020-03-21") && page.says("2020-04-21"), "{}", page.text);
    officers.zhao.until(&case, "保函变更").await;
    // In force it is not taken back, and nothing is called overdue on the day that was moved.
    assert!(!applicant.open(&case).await.says("撤回纾困申请"));
    drive(&house, to("2020-03-23")).await;
    officers.wu.until(&format!("/loans/{id}"), "纾困中").await;
    drive(&house, to("2020-04-23")).await;
    applicant.until(&case, "未能履行").await;
}

#[tokio::test]
async fn a_borrower_claims_its_interest_back_and_six_persons_see_that_it_gets_it_once() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut officers = Officers::of(&house).await;
    let mut checker = house.officer(Party::Union, "he", &["subsidy_checker"]).await;
    let mut manager = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    let mut approver = house.officer(Party::Union, "zhou", &["approver"]).await;
    let id = apply(&mut applicant, 0).await;
    officers.pay_out(&id).await;
    let case = format!("/applications/{id}");
    applicant.until(&case, "已办结：银行放款").await;
    let money = [("amount_fen", "10,000"), ("because", "年度预算")];
    assert!(act(&mut manager, "拨付贴息资金", &money).await.says("已办理"));
    assert!(act(&mut manager, "拨付贴息资金", &money).await.says("须由另一人确认"));
    assert!(act(&mut approver, "拨付贴息资金", &money).await.says("已办理"));
    let money = [("reference", "TX-1"), ("amount_fen", "10,000"), ("purpose", "SUBSIDY")];
    assert!(act(&mut officers.wu, "工会款项到账", &money).await.says("已办理"));

    // Repaid early after 17 days; the quarter's list is made in July.
    let to = |day: &str| Moment::start_of(day.parse().unwrap()).plus_hours(9);
    drive(&house, to("2019-06-20")).await;
    let days = 17_i64;
    let rest = 5_000_000 + (5_000_000_i64 * 43_500 * days + 180_000_000) / 360_000_000;
    let rest = format!("{}.{:02}", rest / 100, rest % 100);
    let fields = [
        ("application_id", id.as_str()),
        ("reference", "HK-1"),
        ("value_date", "2019-06-20"),
        ("amount_fen", &rest),
        ("kind", "EARLY"),
    ];
    assert!(act(&mut officers.wu, "登记收款", &fields).await.says("已办理"));
    let page = applicant.until(&case, "<summary>申请贴息</summary>").await;
    let action = |page: &Page, title: &str| {
        let (_, form) = page.text.split_once(&format!("<summary>{title}</summary>")).unwrap();
        form.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let wrong = applicant.fill(&page, &action(&page, "申请贴息"), &[("vouchers", "一")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    let claimed = applicant.fill(&page, &action(&page, "申请贴息"), &[("vouchers", "1")]).await;
    assert_eq!(claimed.status, StatusCode::SEE_OTHER, "{}", claimed.text);
    assert!(act(&mut officers.wu, "编制贴息清单", &[("period", "2019Q2")]).await.says("未到截止日"));
    assert!(act(&mut officers.wu, "编制贴息清单", &[("period", "二季度")]).await.says("应为期次"));
    drive(&house, to("2019-07-19")).await;
    assert!(act(&mut officers.wu, "编制贴息清单", &[("period", "2019Q2")]).await.says("已办理"));
    let release = [("period", "2019Q2"), ("verdict", "RELEASE")];
    assert!(act(&mut officers.zheng, "复核贴息清单", &release).await.says("已办理"));
    officers.zheng.until("/books/1", "已放行").await;
    checker.decide(&id, "check-subsidy", &[("choice", "pass")]).await;
    approver.decide(&id, "approve-subsidy", &[("choice", "approve")]).await;
    applicant.until(&case, "待支付").await;
    drive(&house, to("2019-08-19")).await;
    applicant.until(&case, "已支付").await;

    // It comes back, and is paid again.
    let back = [("application_id", id.as_str()), ("period", "2019Q2"), ("because", "账户已销户")];
    assert!(act(&mut officers.wu, "登记贴息退汇", &back).await.says("已办理"));
    assert!(act(&mut officers.wu, "登记贴息退汇", &back).await.says("没有此笔贴息"));
    let page = applicant.until(&case, "<summary>更正贴息收款账户</summary>").await;
    let account = applicant.fill(&page, &action(&page, "更正贴息收款账户"), &[("settle_account", "1234")]).await;
    assert_eq!(account.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", account.text);
    let account = [("settle_account", "9911990000000000019")];
    let account = applicant.fill(&page, &action(&page, "更正贴息收款账户"), &account).await;
    assert_eq!(account.status, StatusCode::SEE_OTHER, "{}", account.text);
    applicant.until(&case, "已支付").await;
}

#[tokio::test]
async fn money_whose_loan_nobody_knows_is_sent_back_and_then_given_back_by_two_persons() {
    let house = House::open().await;
    let mut officers = Officers::of(&house).await;
    let id = apply(&mut house.applicant().await, 0).await;
    officers.pay_out(&id).await;
    let api = async |person: &str, roles: &[&str]| {
        Api::new(&house.services[&Party::Bank].url, &house.token(Party::Bank, person, roles).await).unwrap()
    };
    let (feng, chu) = (api("feng", &["operations"]).await, api("chu", &["payment_checker"]).await);
    let decide = async |who: &Api, number: &str, task: &str, body: serde_json::Value| {
        let (_, tag) = who.get_tagged(&format!("unidentified-receipts/{number}")).await.unwrap();
        who.decide(&format!("tasks/{number}/{task}/decision"), &body, &tag.unwrap()).await.unwrap()
    };
    let money =
        json!({ "reference": "R1", "value_date": firms::DAY.to_string(), "amount_fen": 10_000, "note": "附言不清" });
    let number = feng.post("unidentified-receipts", &money).await.unwrap()["money_id"].as_str().unwrap().to_owned();
    let assign = json!({ "verdict": "assign", "application_id": id });
    decide(&feng, &number, "identify-money", assign).await;
    // Nothing is owed on the day of the pay-out, so the checker sends it back.
    decide(&chu, &number, "check-identification", json!({ "verdict": "return", "because": "当日无应还款" })).await;
    decide(&feng, &number, "identify-money", json!({ "verdict": "give_back", "because": "付款人汇错" })).await;
    let told = decide(&chu, &number, "check-identification", json!({ "verdict": "release" })).await;
    assert_eq!((&told["ended"], &told["money_state"]), (&json!(true), &json!("GIVEN_BACK")), "{told}");
    let auditor = api("auditor", &["auditor"]).await;
    let waiting = auditor.all("balances?prefix=B2241").await.unwrap();
    assert!(waiting.iter().all(|account| account["balance_fen"] == 0), "nothing waits any more: {waiting:?}");
}

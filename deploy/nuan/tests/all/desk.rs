//! The desks of the three organisations, as three officers and an applicant use them: pages and forms, no command line.
//!
//! The browser here is a plain client that follows what a page offers: its links, its hidden fields, its redirects.

use super::three::Three;
use domain::Party;
use nuan::{
    api::Api,
    broker::Broker,
    cluster::{Options, Service},
    firms,
};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A page as it came.
pub struct Page {
    pub status: StatusCode,
    /// Where it leads to, if it is no page.
    pub to: String,
    pub text: String,
    headers: reqwest::header::HeaderMap,
}

impl Page {
    pub fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// The hidden fields of the form that is sent to `action`.
    pub fn hidden(&self, action: &str) -> BTreeMap<String, String> {
        let start = self
            .text
            .find(&format!("action=\"{action}\""))
            .unwrap_or_else(|| panic!("no form to {action}: {}", self.text));
        let form = self.text[start..].split("</form>").next().unwrap();
        let inputs = form.split("<input type=\"hidden\" ").skip(1);
        let attribute = |input: &str, name: &str| {
            let value = input.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
            value
                .replace("&#60;", "<")
                .replace("&#62;", ">")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&#38;", "&")
        };
        inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect()
    }
}

/// A browser of one person at one desk.
pub struct Browser {
    client: Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn at(url: &str) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Browser { client, url: url.to_owned(), cookies: BTreeMap::new() }
    }

    async fn signed_in(url: &str, account: &str, token: &str) -> Self {
        let mut browser = Self::at(url);
        let page = browser.sign_in(account, token).await;
        assert_eq!((page.status, page.to.as_str()), (StatusCode::SEE_OTHER, "/"), "{}", page.text);
        browser
    }

    async fn sign_in(&mut self, account: &str, token: &str) -> Page {
        self.send("/login", &[("account", account), ("secret", token), ("next", "")]).await
    }

    pub async fn open(&mut self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.url));
        self.go(request).await
    }

    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let request = self.client.post(format!("{}{path}", self.url));
        self.go(request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))).await
    }

    /// Sends a form with its hidden fields, these, and a file.
    async fn upload(&mut self, page: &Page, action: &str, fields: &[(&str, &str)], file: &[u8]) -> Page {
        let hidden = page.hidden(action);
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut body = Vec::new();
        for (name, value) in hidden.chain(fields.iter().copied()) {
            let part = format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let part = "--cut\r\nContent-Disposition: form-data; name=\"paper\"; filename=\"p\"\r\n\r\n";
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let request = self.client.post(format!("{}{action}", self.url));
        self.go(request.header("content-type", "multipart/form-data; boundary=cut").body(body)).await
    }

    async fn go(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let to = headers.get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
        Page { status, to, text: response.text().await.unwrap(), headers }
    }

    /// Opens a page until it says this.
    pub async fn until(&mut self, path: &str, words: &str) -> Page {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.open(path).await;
            if page.says(words) {
                return page;
            }
            assert!(Instant::now() < until, "{path} never says {words}: {}", page.text);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Sends a form with its hidden fields and these.
    pub async fn fill(&mut self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let hidden = page.hidden(action);
        let all: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(fields.iter().copied()).collect();
        self.send(action, &all).await
    }

    /// Takes the task from the list, decides it, confirms.
    pub async fn decide(&mut self, id: &str, task: &str, fields: &[(&str, &str)]) {
        let path = format!("/tasks/{id}/{task}");
        self.until("/tasks", &format!("href=\"{path}\"")).await;
        let page = self.open(&path).await;
        let confirm = self.fill(&page, &path, fields).await;
        assert!(confirm.says("请核对"), "{}", confirm.text);
        let done = self.fill(&confirm, &path, &[]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{task}: {}", done.text);
        let case = self.open(&done.to).await;
        assert!(case.says("已办理"), "{}", case.text);
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        use std::fmt::Write as _;
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}

/// The three services, everybody's browser, and what an applicant types.
pub struct House {
    folder: tempfile::TempDir,
    _broker: Broker,
    pub services: BTreeMap<Party, Service>,
    pub applicant: String,
}

/// Whatever a test has done here, the cores alone decide it again.
impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            super::replay::replays(self.folder.path());
        }
    }
}

impl House {
    pub async fn open() -> House {
        let Three { services, broker, folder, .. } = Three::start(|_| Options::default());
        let applicant = firms::open(&services, 10).await.unwrap().token;
        House { folder, _broker: broker, services, applicant }
    }

    /// Somebody with these roles, whose account two operators open: the access token.
    pub async fn token(&self, party: Party, person: &str, roles: &[&str]) -> String {
        let service = &self.services[&party];
        let account = json!({ "account": person, "person": format!("person:{person}"), "roles": roles });
        let first = Api::new(&service.url, &service.operator_token).unwrap();
        first.post("tokens", &account).await.unwrap();
        let second = first.with_token(&service.second_operator_token);
        let made = second.post("tokens", &account).await.unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    pub async fn officer(&self, party: Party, person: &str, roles: &[&str]) -> Browser {
        let token = self.token(party, person, roles).await;
        Browser::signed_in(&self.services[&party].url, person, &token).await
    }

    pub async fn applicant(&self) -> Browser {
        Browser::signed_in(&self.services[&Party::Union].url, "applicants", &self.applicant).await
    }

    fn union(&self) -> &str {
        &self.services[&Party::Union].url
    }
}

/// What the applicant of the `n`-th firm types, step by step.
pub fn typed(n: u32) -> [Vec<(String, String)>; 3] {
    let form = firms::form(n, 0).unwrap();
    let text = |name: &str| match &form[name] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    let yuan = |name: &str| (form[name].as_i64().unwrap() / 100).to_string();
    let pick = |names: &[&str]| -> Vec<(String, String)> {
        let value = |name: &str| if name.ends_with("_fen") { yuan(name) } else { text(name) };
        names.iter().map(|name| ((*name).to_owned(), value(name))).collect()
    };
    let mut last = pick(&["amount_fen", "term_months", "method", "purpose", "channel", "settle_account"]);
    for consent in form["consents"].as_array().unwrap() {
        last.push((format!("consent.{}", consent["type"].as_str().unwrap()), "yes".to_owned()));
    }
    [
        pick(&[
            "enterprise_name",
            "uscc",
            "registered_on",
            "licence_valid_to",
            "industry_code",
            "district",
            "address",
            "size_class",
            "employees",
            "turnover_fen",
            "tax_fen",
            "debt_fen",
            "jobs_kept",
            "jobs_created",
        ]),
        pick(&[
            "legal_rep_name",
            "legal_rep_id",
            "mobile",
            "member_no",
            "union_org_id",
            "union_name",
            "beneficiary_group",
        ]),
        last,
    ]
}

fn refs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Fills in all steps; the number of the application.
pub async fn apply(browser: &mut Browser, n: u32) -> String {
    apply_with(browser, n, &[]).await
}

/// The same, with more in the last step.
pub async fn apply_with(browser: &mut Browser, n: u32, more: &[(&str, &str)]) -> String {
    let mut page = browser.open("/apply/1").await;
    let typed = typed(n);
    for (step, fields) in typed.iter().enumerate() {
        let action = format!("/apply/{}", step + 1);
        let more = if step + 1 == typed.len() { more } else { &[] };
        let next = browser.fill(&page, &action, &[&refs(fields)[..], more].concat()).await;
        assert_eq!(next.status, StatusCode::SEE_OTHER, "{action}: {}", next.text);
        page = browser.open(&next.to).await;
        if let Some(id) = next.to.strip_prefix("/applications/") {
            return id.split('?').next().unwrap().to_owned();
        }
    }
    panic!("the last step did not file: {}", page.text)
}

pub const AGREE: &[(&str, &str)] = &[
    ("choice", "agree"),
    ("agree.amount_fen", "50,000"),
    ("agree.conditions", "按季报送报表\n保险受益人为银行"),
    ("agree.counter_guarantee", "PLEDGE"),
];
pub const RECOMMEND: &[(&str, &str)] = &[
    ("choice", "recommend"),
    ("recommend.amount_fen", "50000"),
    ("recommend.rate_ppm", "4.35"),
    ("recommend.method", "BULLET"),
];
pub const APPROVE: &[(&str, &str)] = &[
    ("choice", "approve"),
    ("approve.amount_fen", "50000.00"),
    ("approve.rate_ppm", "4.35%"),
    ("approve.method", "BULLET"),
];

#[tokio::test]
async fn three_desks_take_an_application_from_the_phone_to_the_payout_and_others_back() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut zhao = house.officer(Party::Guarantor, "zhao", &["risk_manager"]).await;
    let mut qian = house.officer(Party::Guarantor, "qian", &["contract_officer", "letter_maker"]).await;
    let mut sun = house.officer(Party::Guarantor, "sun", &["letter_checker"]).await;
    let mut wu = house.officer(Party::Bank, "wu", &["credit_investigator", "payment_maker", "operations"]).await;
    let mut zheng = house.officer(Party::Bank, "zheng", &["credit_approver", "payment_checker"]).await;

    // To the pay-out.
    let paid = apply(&mut applicant, 0).await;
    let page = applicant.open(&format!("/applications/{paid}")).await;
    assert!(page.says("受理审核：由受理岗办理，期限"), "who acts next, and until when: {}", page.text);
    li.decide(&paid, "check-eligibility", &[("choice", "approve")]).await;
    zhao.decide(&paid, "due-diligence", AGREE).await;
    let path = format!("/tasks/{paid}/investigate");
    wu.until("/tasks", &format!("href=\"{path}\"")).await;
    let page = wu.open(&path).await;
    assert!(page.says("至多 50,000.00 元"), "the cap is said: {}", page.text);
    let confirm = wu.fill(&page, &path, RECOMMEND).await;
    assert!(confirm.says("贴息（合同利息全额）") && confirm.says("末期应还"), "what it costs: {}", confirm.text);
    wu.decide(&paid, "investigate", RECOMMEND).await;
    zheng.decide(&paid, "decide-credit", APPROVE).await;
    qian.decide(&paid, "sign-contracts", &[("choice", "PLEDGE"), ("PLEDGE.pledge", "机器设备一台")]).await;
    qian.decide(&paid, "prepare-letter", &[]).await;
    sun.decide(&paid, "check-letter", &[("choice", "release")]).await;
    wu.decide(&paid, "sign-loan-contract", &[]).await;
    wu.decide(&paid, "prepare-payment", &[]).await;
    zheng.decide(&paid, "check-payment", &[("choice", "release")]).await;
    applicant.until(&format!("/applications/{paid}"), "您的申请已办结：银行放款 50,000.00 元").await;
    let page = applicant.open(&format!("/applications/{paid}/schedule")).await;
    assert!(page.says("本期应还") && page.says("50,000.00"), "what is due, and when: {}", page.text);
    let page = zhao.until(&format!("/applications/{paid}"), "已生效").await;
    assert!(page.says("按季报送报表"), "each condition is kept: {}", page.text);
    let page = wu.open("/books/0").await;
    assert!(page.says(&paid), "the loan is in the bank's book: {}", page.text);

    // Declined by the bank, and undone.
    let declined = apply(&mut applicant, 1).await;
    li.decide(&declined, "check-eligibility", &[("choice", "approve")]).await;
    zhao.decide(&declined, "due-diligence", AGREE).await;
    wu.decide(&declined, "investigate", &[("choice", "advise"), ("advise.decline", "RELATED_DEBT")]).await;
    zheng.decide(&declined, "decide-credit", &[("choice", "decline"), ("decline.reason", "RELATED_DEBT")]).await;
    applicant.until(&format!("/applications/{declined}"), "不予贷款").await;
    let page = applicant.open(&format!("/applications/{declined}/schedule")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "nothing is due: {}", page.text);

    // Withdrawn while the guarantor works at it.
    let withdrawn = apply(&mut applicant, 2).await;
    li.decide(&withdrawn, "check-eligibility", &[("choice", "approve")]).await;
    zhao.until("/tasks", &withdrawn).await;
    let page = applicant.open(&format!("/applications/{withdrawn}")).await;
    let action = format!("/applications/{withdrawn}/withdrawal");
    let gone = applicant.fill(&page, &action, &[("reason", "NO_NEED")]).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text);
    let page = applicant.until(&format!("/applications/{withdrawn}"), "已撤回").await;
    assert!(!page.says("确认撤回"), "what has ended cannot be withdrawn: {}", page.text);
    let page = applicant.open(&format!("/?uscc={}", firms::uscc(2).unwrap())).await;
    assert!(page.says(&withdrawn) && !page.says(&paid), "the applicant finds it by the firm's code: {}", page.text);
}

#[tokio::test]
async fn wrong_input_is_told_at_its_field_and_nothing_typed_is_lost() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let [mut firm, person, mut loan] = typed(3);
    firm.iter_mut().find(|(name, _)| name == "enterprise_name").unwrap().1 = "<b>样例</b>\"3\"号有限公司".into();
    let page = applicant.open("/apply/1").await;
    let mut bad = firm.clone();
    bad.iter_mut().find(|(name, _)| name == "turnover_fen").unwrap().1 = "一百万".into();
    let again = applicant.fill(&page, "/apply/1", &refs(&bad)).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.says("应为金额，单位元") && again.says("value=\"一百万\""), "{}", again.text);
    assert!(!again.says("<b>样例"), "what was typed is shown as text: {}", again.text);
    applicant.fill(&again, "/apply/1", &refs(&firm)).await;
    let page = applicant.open("/apply/2").await;
    applicant.fill(&page, "/apply/2", &refs(&person)).await;

    // What only the service can tell stands at its field too: here at the first step, from the last.
    loan.retain(|(name, _)| name != "consent.SHARING");
    let page = applicant.open("/apply/3").await;
    let missing = applicant.fill(&page, "/apply/3", &refs(&loan)).await;
    assert!(missing.says("缺少必需的授权：SHARING"), "{}", missing.text);
    let page = applicant.open("/apply/1").await;
    assert!(page.says("样例&#60;/b&#62;") || page.says("样例&lt;/b&gt;"), "the draft is kept: {}", page.text);
    loan.push(("consent.SHARING".into(), "yes".into()));
    let page = applicant.open("/apply/3").await;
    let mut amount = loan.clone();
    amount.iter_mut().find(|(name, _)| name == "amount_fen").unwrap().1 = "51234".into();
    let refused = applicant.fill(&page, "/apply/3", &refs(&amount)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);

    // Sent twice, it is one application.
    let page = applicant.open("/apply/3").await;
    let draft = applicant.cookies.clone();
    let first = applicant.fill(&page, "/apply/3", &refs(&loan)).await;
    applicant.cookies = draft;
    let second = applicant.fill(&page, "/apply/3", &refs(&loan)).await;
    assert_eq!((first.status, &first.to), (StatusCode::SEE_OTHER, &second.to), "{}{}", first.text, second.text);
}

#[tokio::test]
async fn what_is_stale_doubled_forged_or_not_ones_own_is_refused() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let id = apply(&mut applicant, 4).await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut he = house.officer(Party::Union, "he", &["intake_officer"]).await;
    let path = format!("/tasks/{id}/check-eligibility");

    // Nobody without a session; and back to where one wanted to go.
    let mut stranger = Browser::at(house.union());
    for page in ["/", "/tasks", &path, "/applications", "/books/0", "/incidents", "/apply/1"] {
        let page = stranger.open(page).await;
        assert!(page.status == StatusCode::SEE_OTHER && page.to.starts_with("/login"), "{}", page.text);
    }
    for (next, to) in
        [("/tasks", "/tasks"), ("//evil.example/", "/"), ("https://evil.example/", "/"), ("/\\evil.example", "/")]
    {
        let mut browser = Browser::at(house.union());
        let page =
            browser.send("/login", &[("account", "applicants"), ("secret", &house.applicant), ("next", next)]).await;
        assert_eq!(page.to, to, "{next}");
    }

    // A form of another session.
    let page = li.open(&path).await;
    let mut forged = page.hidden(&path);
    forged.insert("csrf".into(), he.open(&path).await.hidden(&path)["csrf"].clone());
    forged.insert("choice".into(), "approve".into());
    forged.insert("confirmed".into(), "yes".into());
    let fields: Vec<(&str, &str)> = forged.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(li.send(&path, &fields).await.status, StatusCode::FORBIDDEN);

    // Two officers at the same task: the second one decides on what is no more, and is told so.
    let (mine, his) = (li.open(&path).await, he.open(&path).await);
    let confirm = li.fill(&mine, &path, &[("choice", "ask_for_papers")]).await;
    let other = he.fill(&his, &path, &[("choice", "approve")]).await;
    let done = li.fill(&confirm, &path, &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let stale = he.fill(&other, &path, &[]).await;
    assert!(stale.says("此案在您打开之后已有变化，没有作出决定"), "{}", stale.text);
    // A double click decides once.
    let twice = li.fill(&confirm, &path, &[]).await;
    assert_eq!((twice.status, twice.to), (StatusCode::SEE_OTHER, done.to), "{}", twice.text);
    let case = li.open(&format!("/applications/{id}")).await;
    assert!(case.says("待补材料"), "{}", case.text);

    // A decision without a choice; a task that is not one's own.
    let page = li.open(&path).await;
    assert!(li.fill(&page, &path, &[]).await.says("请选择一项决定"));
    let mut wang = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    assert_eq!(wang.open(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(li.open("/tasks/NCD-2019-0001/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(applicant.open("/tasks").await.status, StatusCode::FORBIDDEN);

    // Wrong tokens lock the account, and the right one no longer helps.
    let mut guesser = Browser::at(house.union());
    for _ in 0..5 {
        assert_eq!(guesser.sign_in("applicants", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let token = house.applicant.clone();
    assert_eq!(guesser.sign_in("applicants", &token).await.status, StatusCode::TOO_MANY_REQUESTS);
    // Another's token is no key to this account.
    assert_eq!(guesser.sign_in("li", &token).await.status, StatusCode::UNAUTHORIZED);

    // Every page forbids what it does not need.
    let page = li.open("/").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let scripts: Vec<&str> =
        page.text.split("<script").skip(1).map(|rest| rest.split("</script>").next().unwrap()).collect();
    assert!(scripts.iter().all(|script| script.starts_with(" src=\"/") && script.ends_with(" defer>")), "{scripts:?}");
    assert!(!page.says("javascript:") && !page.says("hx-on") && !page.says(" onclick"), "nothing runs in the page");

    // Signed out is signed out.
    let out = li.fill(&page, "/logout", &[]).await;
    assert_eq!(out.to, "/login");
    assert!(li.open("/").await.to.starts_with("/login"));
}

#[tokio::test]
async fn two_persons_suspend_lending_at_the_desk_and_applicants_see_what_they_wait_for() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut wang = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    let mut he = house.officer(Party::Union, "he", &["approver"]).await;
    let page = wang.open("/actions").await;
    assert!(page.says("追加担保金") && page.says("暂停新增"), "{}", page.text);
    assert_eq!(li.open("/actions/2").await.status, StatusCode::NOT_FOUND, "no business of an intake officer's");

    let act = async |browser: &mut Browser, action: &str, fields: &[(&str, &str)]| {
        let page = browser.open(action).await;
        browser.fill(&page, action, fields).await
    };
    let because = [("because", "代偿率超过规定")];
    let first = act(&mut wang, "/actions/2", &because).await;
    assert!(first.says("已办理") && first.says("待确认的提议"), "{}", first.text);
    let alone = act(&mut wang, "/actions/2", &because).await;
    assert!(alone.says("须由另一人确认"), "{}", alone.text);
    assert!(act(&mut he, "/actions/2", &because).await.says("已办理"));
    assert!(wang.open("/books/1").await.says("已暂停新增"));

    let id = apply(&mut applicant, 5).await;
    li.decide(&id, "check-eligibility", &[("choice", "approve")]).await;
    applicant.until(&format!("/applications/{id}"), "项目暂停，恢复后继续").await;
    let short = act(&mut wang, "/actions/0", &[("amount_fen", "一百"), ("because", "理事会决定")]).await;
    assert!(short.says("应为金额，单位元"), "{}", short.text);
    for browser in [&mut he, &mut wang] {
        assert!(act(browser, "/actions/3", &because).await.says("已办理"));
    }
    applicant.until(&format!("/applications/{id}"), "担保尽调：由担保公司办理").await;
    let statistics = wang.open("/books/4").await;
    assert!(["统计", "合计", "申请企业"].iter().all(|word| statistics.says(word)), "{}", statistics.text);
}

#[tokio::test]
async fn persons_are_masked_and_who_looks_at_them_says_why_and_is_listed() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let id = apply(&mut applicant, 6).await;
    let form = firms::form(6, 0).unwrap();
    let secrets: Vec<&str> = ["legal_rep_id", "mobile", "settle_account", "member_no", "address"]
        .iter()
        .map(|name| form[*name].as_str().unwrap())
        .collect();
    let shows_any = |page: &Page| secrets.iter().any(|secret| page.says(secret));
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut wang = house.officer(Party::Union, "wang", &["fund_manager"]).await;
    let mut an = house.officer(Party::Union, "an", &["auditor"]).await;
    let case = format!("/applications/{id}");

    let page = li.open(&case).await;
    assert!(page.says("119***********") && page.says("199****") && !shows_any(&page), "{}", page.text);
    let others = wang.open(&case).await;
    assert!(others.says("个人信息（已遮蔽）") && !others.says("查看原文"), "{}", others.text);
    let own = applicant.open(&case).await;
    assert!(!shows_any(&own) && !own.says("个人信息"), "{}", own.text);

    let action = format!("{case}/personal-data");
    let silent = li.fill(&page, &action, &[("because", "")]).await;
    assert!(silent.status == StatusCode::UNPROCESSABLE_ENTITY && !shows_any(&silent), "{}", silent.text);
    assert!(!an.open("/incidents").await.says(&id), "nobody has looked yet");
    let shown = li.fill(&page, &action, &[("because", "核对身份证件")]).await;
    assert!(secrets.iter().all(|secret| shown.says(secret)), "{}", shown.text);
    let listed = an.open("/incidents").await;
    assert!(listed.says(&id) && listed.says("核对身份证件") && listed.says("<td>li</td>"), "{}", listed.text);

    // Who may not is refused, form or no form; and nothing of it went into the log.
    let hidden = page.hidden(&action);
    let csrf = wang.open("/").await.hidden("/logout")["csrf"].clone();
    let forged = wang.send(&action, &[("csrf", &csrf), ("key", &hidden["key"]), ("because", "好奇")]).await;
    assert!(forged.status == StatusCode::FORBIDDEN && !shows_any(&forged), "{}", forged.text);
    let log = std::fs::read_to_string(&house.services[&Party::Union].log).unwrap();
    assert!(!secrets.iter().any(|secret| log.contains(secret)));
}

#[tokio::test]
async fn papers_go_from_the_applicants_page_to_the_desks_that_ask_for_them() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut zhao = house.officer(Party::Guarantor, "zhao", &["risk_manager"]).await;
    let id = apply(&mut applicant, 0).await;
    let case = format!("/applications/{id}");
    let action = format!("{case}/papers");
    let licence = b"%PDF-1.7 a licence";
    let fields = [("kind", "LICENCE"), ("pages", "2")];

    let page = applicant.open(&case).await;
    assert!(page.says("尚无材料") && page.says("提交材料"), "{}", page.text);
    let refused = applicant.upload(&page, &action, &fields, b"<script>").await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let refused = applicant.upload(&page, &action, &fields, b"").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    let forged = Page { text: page.text.replace("name=\"csrf\" value=\"", "name=\"csrf\" value=\"x"), ..page };
    assert_eq!(applicant.upload(&forged, &action, &fields, licence).await.status, StatusCode::FORBIDDEN);
    let page = applicant.open(&case).await;
    let taken = applicant.upload(&page, &action, &fields, licence).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
    // A double click hands it in once.
    assert_eq!(applicant.upload(&page, &action, &fields, licence).await.status, StatusCode::SEE_OTHER);
    let page = applicant.open(&case).await;
    assert_eq!(page.text.matches("<td>营业执照</td>").count(), 1, "{}", page.text);
    assert!(!page.says("调阅"), "an applicant opens nothing: {}", page.text);
    let page = li.until(&format!("/tasks/{id}/check-eligibility"), "营业执照，2 页").await;
    assert!(page.says("未提交：身份证正面"), "what is missing stands beside the decision: {}", page.text);

    li.decide(&id, "check-eligibility", &[("choice", "approve")]).await;
    zhao.until("/tasks", &id).await;
    let page = zhao.open(&case).await;
    let asked = zhao.fill(&page, &format!("{case}/papers/request"), &[("because", "尽职调查")]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.text);
    let page = zhao.until(&case, "<summary>调阅").await;
    assert!(page.says("个人信息（已遮蔽）") && !page.says("<summary>向工会调取"), "{}", page.text);
    let open = page.text.split("action=\"").find(|rest| rest.starts_with(&format!("{action}/"))).unwrap();
    let open = open.split('"').next().unwrap();
    let paper = zhao.fill(&page, open, &[("because", "核对经营范围")]).await;
    assert_eq!((paper.status, paper.text.as_bytes()), (StatusCode::OK, &licence[..]));
    assert!(paper.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(paper.headers["content-type"], "application/pdf");
    let timeline = zhao.open(&case).await;
    assert!(timeline.says("收到工会送交的营业执照，2 页"), "{}", timeline.text);
}

#[tokio::test]
async fn a_task_is_claimed_given_back_and_handed_over_by_a_supervisor() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut liu = house.officer(Party::Union, "liu", &["intake_officer"]).await;
    let mut he = house.officer(Party::Union, "he", &["supervisor"]).await;
    let id = apply(&mut applicant, 0).await;
    let (task, hands) = (format!("/tasks/{id}/check-eligibility"), format!("/tasks/{id}/check-eligibility/hands"));
    let page = li.open(&hands).await;
    assert!(page.says("待领") && !page.says("改派给"), "{}", page.text);
    let claimed = li.fill(&page, &hands, &[]).await;
    assert_eq!(claimed.to, task, "{}", claimed.text);

    let page = liu.open("/tasks").await;
    assert!(page.says(">li<") && !page.says(&format!("href=\"{task}\"")), "another sees who has it: {}", page.text);
    let page = liu.open(&hands).await;
    assert!(!page.says("<button>认领") && !page.says("<button>退回"), "{}", page.text);
    let page = liu.open(&task).await;
    let confirm = liu.fill(&page, &task, &[("choice", "approve")]).await;
    let refused = liu.fill(&confirm, &task, &[]).await;
    assert!(refused.says("已由 li 认领"), "{}", refused.text);

    let page = he.until("/tasks", &id).await;
    assert!(!page.says(&format!("href=\"{task}\"")), "a supervisor decides nothing: {}", page.text);
    let page = he.open(&hands).await;
    let unknown = [("verb", "reassignment"), ("person", "nobody"), ("because", "休假")];
    let key = page.hidden(&hands);
    let refused = he.send(&hands, &[&unknown[..], &[("csrf", &key["csrf"]), ("key", "k1")]].concat()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    let over = [("verb", "reassignment"), ("person", "liu"), ("because", "休假")];
    let done = he.send(&hands, &[&over[..], &[("csrf", &key["csrf"]), ("key", "k2")]].concat()).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    liu.decide(&id, "check-eligibility", &[("choice", "approve")]).await;
    let page = liu.open(&format!("/applications/{id}")).await;
    assert!(page.says("由 liu 承办"), "who had it in hand is told: {}", page.text);
}

#[tokio::test]
async fn a_password_takes_the_place_of_the_token_and_a_leaver_is_out_at_once() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let mut li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let mut elsewhere = house.officer(Party::Union, "li", &["intake_officer"]).await;
    assert_eq!(li.open("/tasks").await.to, "/login", "opened anew, what was opened before counts no more");
    let word = "correct horse 电池";
    let page = elsewhere.open("/password").await;
    let set = async |browser: &mut Browser, current: &str, password: &str, again: &str| {
        let page = browser.open("/password").await;
        let fields = [("current", current), ("password", password), ("again", again)];
        browser.fill(&page, "/password", &fields).await
    };
    assert!(page.says("初次设置则留空"), "{}", page.text);
    for (password, again, why) in [
        ("short", "short", "10 至 200 个字符"),
        ("my name is li!", "my name is li!", "不得包含账户名"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "同一字符"),
        (word, "another one", "不一致"),
    ] {
        let refused = set(&mut elsewhere, "", password, again).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.says(why), "{why}: {}", refused.text);
    }
    assert_eq!(set(&mut elsewhere, "", word, word).await.to, "/login");
    assert_eq!(
        elsewhere.open("/tasks").await.to,
        "/login",
        "the session ends with the password that it was begun under"
    );

    let mut li = Browser::signed_in(house.union(), "li", word).await;
    let mut other = Browser::signed_in(house.union(), "li", word).await;
    let refused = set(&mut li, "a wrong word", "another word 1", "another word 1").await;
    assert!(refused.says("现密码不正确"), "{}", refused.text);
    assert_eq!(set(&mut li, word, "another word 1", "another word 1").await.to, "/login");
    assert_eq!(other.open("/tasks").await.to, "/login", "all sessions end");
    let refused = Browser::at(house.union()).sign_in("li", word).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let mut li = Browser::signed_in(house.union(), "li", "another word 1").await;

    // A leaver, with a task in hand.
    let id = apply(&mut applicant, 0).await;
    let hands = format!("/tasks/{id}/check-eligibility/hands");
    let page = li.open(&hands).await;
    li.fill(&page, &hands, &[]).await;
    let service = &house.services[&Party::Union];
    let first = Api::new(&service.url, &service.operator_token).unwrap();
    let closure = json!({ "account": "li", "because": "离职" });
    first.post("accounts/closure", &closure).await.unwrap();
    assert_eq!(li.open("/tasks").await.status, StatusCode::OK, "one person closes nothing");
    first.with_token(&service.second_operator_token).post("accounts/closure", &closure).await.unwrap();
    assert_eq!(li.open("/tasks").await.to, "/login");
    assert_eq!(Browser::at(house.union()).sign_in("li", "another word 1").await.status, StatusCode::UNAUTHORIZED);
    let mut liu = house.officer(Party::Union, "liu", &["intake_officer"]).await;
    let page = liu.open(&hands).await;
    assert!(page.says("待领"), "what the leaver had in hand is free: {}", page.text);
    let unknown = json!({ "account": "nobody-knows", "because": "离职" });
    assert!(first.post("accounts/closure", &unknown).await.unwrap_err().to_string().contains("404"));
    let own = json!({ "account": "operator", "because": "离职" });
    first.post("accounts/closure", &own).await.unwrap();
    let refused = first.with_token(&service.second_operator_token).post("accounts/closure", &own).await;
    assert!(refused.unwrap_err().to_string().contains("OWN_ACCOUNT"));
}

#[tokio::test]
async fn whoever_asks_for_english_reads_it_on_every_page_and_stays_where_they_were() {
    let house = House::open().await;
    let mut applicant = house.applicant().await;
    let id = apply(&mut applicant, 0).await;
    let token = house.token(Party::Union, "li", &["intake_officer"]).await;
    let mut li = Browser::at(house.union());
    let page = li.open("/login?next=/tasks").await;
    assert!(page.says("<html lang=\"zh-CN\">") && page.says("登录"), "Chinese comes first: {}", page.text);
    let link = page.text.split("href=\"").find(|rest| rest.starts_with("/lang/")).unwrap().split('"').next().unwrap();
    let back = li.open(link).await;
    assert_eq!(back.to, "/login?next=/tasks", "the address is kept");
    let page = li.open(&back.to).await;
    assert!(page.says("<html lang=\"en\">") && page.says("Sign in"), "{}", page.text);
    li.sign_in("li", &token).await;

    // But for the name of the other language, and what is marked as Chinese, nothing of it is left.
    let chinese_in = |page: &Page| -> Vec<String> {
        let marked = page.text.split("lang=\"zh-CN\"");
        let text: String = marked
            .enumerate()
            .map(|(at, rest)| if at == 0 { rest } else { rest.split_once('<').map_or("", |(_, rest)| rest) })
            .collect();
        text.lines()
            .filter(|line| line.contains(|c| ('\u{3000}'..='\u{9fff}').contains(&c)))
            .map(str::to_owned)
            .collect()
    };
    let task = format!("/tasks/{id}/check-eligibility");
    for path in [
        "/",
        "/tasks",
        "/tickets",
        "/incidents",
        "/password",
        &format!("{task}/hands"),
        "/books/0",
        "/books/1",
        "/charters",
        "/absences",
    ] {
        let page = li.open(path).await;
        assert_eq!(chinese_in(&page), Vec::<String>::new(), "{path}: {}", page.text);
    }
    let list = li.open("/charters").await;
    let charter = list.text.split("href=\"/charters/").nth(1).unwrap().split('"').next().unwrap();
    let page = li.open(&format!("/charters/{charter}")).await;
    let rules = page.text.split("<details>").next().unwrap().to_owned();
    assert_eq!(chinese_in(&Page { text: rules, ..page }), Vec::<String>::new());
    let page = li.open(&task).await;
    let confirm = li.fill(&page, &task, &[("choice", "approve")]).await;
    assert!(confirm.says("Please check") && chinese_in(&confirm).is_empty(), "{}", confirm.text);
    let none = li.fill(&page, &task, &[]).await;
    assert!(none.says("Please choose a decision."), "{}", none.text);
    let refused = li.open("/tasks/NCD-2019-0001/nothing").await;
    assert!(refused.says("<html lang=\"en\">") && chinese_in(&refused).is_empty(), "{}", refused.text);
    let done = li.fill(&confirm, &task, &[]).await;
    let case = li.open(&done.to).await;
    assert!(case.says("Due diligence: with Guarantor, due 20"), "{}", case.text);

    // Others read Chinese; and no address leads away from here.
    assert!(applicant.open(&format!("/applications/{id}")).await.says("担保尽调：由担保公司办理"));
    assert_eq!(li.open("/lang/zh-CN?next=//evil.example/").await.to, "/");
    assert!(li.open("/tasks").await.says("待办"));
    assert_eq!(li.open("/lang/fr?next=/").await.status, StatusCode::NOT_FOUND);

    // An address that there is not is told to people on a page, and to programs as everything is.
    let ask = async |path: &str, accept: &str| {
        let client = Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}{path}", house.union())).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        (answer.headers()["content-type"].to_str().unwrap().to_owned(), answer.text().await.unwrap())
    };
    let (kind, text) = ask("/nowhere", "text/html,*/*").await;
    assert!(kind.starts_with("text/html") && text.contains("没有这个页面"), "{kind}: {text}");
    for (path, accept) in [("/nowhere", "*/*"), ("/api/v1/nowhere", "text/html")] {
        assert_eq!(ask(path, accept).await.0, "application/problem+json", "{path} {accept}");
    }
}

//! The desks in a real browser: headless Chromium, clicked and typed at as people do.
//!
//! It takes Debian's chromium and chromium-driver, or others that `NUAN_CHROMEDRIVER` and `NUAN_CHROMIUM` name; without them these
//! tests fail with the line that installs them. axe-core (MPL-2.0) is vendored beside this file with its licence.

use super::desk::{AGREE, APPROVE, House, RECOMMEND, typed};
use domain::Party;
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions},
    elements::Element,
    key::Key,
};
use hyper_util::client::legacy::connect::HttpConnector;
use nuan::{api::Api, firms};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tools::child::Child;

const PATIENCE: Duration = Duration::from_secs(30);
const AXE: &str = include_str!("../axe/axe.min.js");
const INSTALL: &str = "apt-get install -y chromium chromium-driver fonts-noto-cjk";

/// A program of the browser's: the one named, else the one on `PATH`.
fn program(variable: &str, name: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no {name}: set {variable} to one, or install it: {INSTALL}"))
}

/// A browser with one window, of its own profile.
struct Screen {
    client: Client,
    /// Of the driver.
    port: u16,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Screen {
    /// Has the driver end its browser, which would outlive both.
    fn drop(&mut self) {
        let Ok(mut driver) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let _ = driver.set_read_timeout(Some(Duration::from_secs(5)));
        let request = format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.session, self.port);
        if driver.write_all(request.as_bytes()).is_ok() {
            let _ = driver.read(&mut [0; 64]);
        }
    }
}

impl Screen {
    /// A monitor.
    async fn wide() -> Self {
        Self::open(None).await
    }

    /// A phone, 390 px wide.
    async fn phone() -> Self {
        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true });
        Self::open(Some(json!({ "deviceMetrics": metrics }))).await
    }

    async fn open(emulated: Option<Value>) -> Self {
        let chromium = program("NUAN_CHROMIUM", "chromium");
        let profile = tempfile::tempdir().unwrap();
        let port = tools::free_ports().next().unwrap();
        let driver = Child::spawn(program("NUAN_CHROMEDRIVER", "chromedriver"), |command| {
            command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        });
        let driver = driver.unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let mut options = json!({
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=zh-CN",
                "--window-size=1200,900", folder,
            ],
        });
        if let Some(emulated) = emulated {
            options["mobileEmulation"] = emulated;
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => {
                    let session = client.session_id().await.unwrap().unwrap();
                    return Screen { client, port, session, _driver: driver, _profile: profile };
                }
                Err(error) => assert!(Instant::now() < until, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    async fn find(&self, css: &str) -> Element {
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error} in {}", self.client.source().await.unwrap()),
        }
    }

    #[track_caller]
    fn says<'a>(&'a self, words: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let text = self.text().await;
            assert!(text.contains(words), "{place}: no `{words}` in {text}");
        }
    }

    /// Opens a page until it says this.
    async fn until(&self, url: &str, words: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.goto(url).await;
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < until, "{url} never says {words}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page that is open says this: nobody opens it anew.
    async fn comes_to_say(&self, words: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.text().await.contains(words) {
            assert!(Instant::now() < until, "it never comes to say {words}: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn sign_in(&self, url: &str, account: &str, secret: &str) {
        self.client.delete_all_cookies().await.ok();
        self.goto(&format!("{url}/login")).await;
        self.find("#account").await.send_keys(account).await.unwrap();
        self.find("#secret").await.send_keys(secret).await.unwrap();
        self.press("main form button").await;
        self.says("退出").await;
    }

    /// Presses a button, and waits for the page that comes of it.
    async fn press(&self, css: &str) {
        let before = self.find("html").await;
        self.find(css).await.click().await.unwrap();
        self.another_page(&before, css).await;
    }

    /// Waits until the page with this root has gone for another.
    async fn another_page(&self, before: &Element, what: &str) {
        let until = Instant::now() + PATIENCE;
        while before.tag_name().await.is_ok() {
            assert!(Instant::now() < until, "nothing comes of {what}: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses Enter where the focus is, and waits for the page that comes of it.
    /// The browser's own button. The driver's command for it gives up when the page that it comes to moves on by itself.
    async fn history(&self, way: &str) {
        let before = self.find("html").await;
        self.client.execute(&format!("history.{way}()"), Vec::new()).await.unwrap();
        self.another_page(&before, way).await;
    }

    async fn enter(&self) {
        let before = self.find("html").await;
        self.keys(&String::from(char::from(Key::Enter))).await;
        self.another_page(&before, "Enter").await;
    }

    /// Types into a field, or chooses what it offers.
    async fn fill(&self, name: &str, value: &str) {
        let css = format!("[name=\"{name}\"]");
        let field = self.find(&css).await;
        let kind = field.attr("type").await.unwrap().unwrap_or_default();
        match (field.tag_name().await.unwrap().as_str(), kind.as_str()) {
            ("select", _) => field.select_by_value(value).await.unwrap(),
            (_, "checkbox" | "radio") => {
                let css = format!("[name=\"{name}\"][value=\"{value}\"]");
                let field = self.find(&css).await;
                if !field.is_selected().await.unwrap() {
                    field.click().await.unwrap();
                }
            }
            // What a date field shows while one types depends on the machine's language.
            (_, "date") => {
                let script = "arguments[0].value = arguments[1]";
                let field = serde_json::to_value(&field).unwrap();
                self.client.execute(script, vec![field, value.into()]).await.unwrap();
            }
            _ => {
                field.clear().await.unwrap();
                field.send_keys(value).await.unwrap();
            }
        }
    }

    /// Applies step by step, with this name; the number of the application.
    async fn apply(&self, url: &str, n: u32, name: Option<&str>) -> String {
        self.goto(&format!("{url}/apply/1")).await;
        for fields in typed(n) {
            for (field, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
                let value = name.filter(|_| field == "enterprise_name").unwrap_or(value);
                self.fill(field, value).await;
            }
            self.press("main form button").await;
        }
        let path = self.client.current_url().await.unwrap().path().to_owned();
        let id = path.strip_prefix("/applications/").unwrap_or_else(|| panic!("not filed: {path}"));
        id.to_owned()
    }

    /// Takes the task from the list, fills in the form, reads it again, confirms.
    async fn decide(&self, url: &str, id: &str, task: &str, fields: &[(&str, &str)]) {
        let path = format!("/tasks/{id}/{task}");
        self.open_task(url, &path).await;
        for (name, value) in fields {
            self.fill(name, value).await;
        }
        self.press("form.decision button").await;
        self.says("请核对").await;
        self.press("main form button").await;
        self.says("已办理").await;
    }

    async fn open_task(&self, url: &str, path: &str) {
        let css = format!("a.button[href=\"{path}\"]");
        let until = Instant::now() + PATIENCE;
        loop {
            self.goto(&format!("{url}/tasks")).await;
            if self.client.find(Locator::Css(&css)).await.is_ok() {
                return self.press(&css).await;
            }
            assert!(Instant::now() < until, "{path} never stands in the list: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses keys one by one, as a keyboard does: whatever has the focus gets them.
    async fn keys(&self, keys: &str) {
        let presses = keys.chars().fold(KeyActions::new("keyboard".into()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.client.perform_actions(presses).await.unwrap();
    }

    /// Goes on with the tabulator until the focus is on what says this, and sees that it shows.
    async fn tab_to(&self, words: &str) {
        for _ in 0..80 {
            self.keys(&String::from(char::from(Key::Tab))).await;
            let script = "const e = document.activeElement; const l = e.closest('label') || (e.labels && e.labels[0]) || e; \
                          const s = getComputedStyle(e); const acts = e.matches('a, button, input, select, textarea, summary'); \
                          return [acts && (l.innerText || e.value) || '', s.outlineStyle, s.outlineWidth];";
            let focus = self.client.execute(script, Vec::new()).await.unwrap();
            let text: String = focus[0].as_str().unwrap_or_default().split_whitespace().collect();
            if text.contains(words) {
                assert!(focus[1] != "none" && focus[2] != "0px", "the focus on {words} does not show: {focus}");
                return;
            }
        }
        panic!("the tabulator never comes to {words}: {}", self.text().await);
    }

    /// What axe-core finds wrong with the page.
    async fn is_accessible(&self, page: &str) {
        self.client.execute(AXE, Vec::new()).await.unwrap();
        let run = "const done = arguments[arguments.length - 1]; \
                   axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }) \
                   .then(r => done(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))), e => done([String(e)]));";
        let found = self.client.execute_async(run, Vec::new()).await.unwrap();
        assert_eq!(found, json!([]), "{page}");
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let beyond = self.client.execute(script, Vec::new()).await.unwrap();
        assert_eq!(beyond, json!(0), "{page} is wider than its window");
    }

    async fn shot(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(name), self.client.screenshot().await.unwrap()).unwrap();
    }
}

/// Everybody who works at the three desks: organisation, name, roles.
const OFFICERS: &[(Party, &str, &[&str])] = &[
    (Party::Union, "li", &["intake_officer"]),
    (Party::Guarantor, "zhao", &["risk_manager"]),
    (Party::Guarantor, "qian", &["contract_officer", "letter_maker"]),
    (Party::Guarantor, "sun", &["letter_checker"]),
    (Party::Bank, "wu", &["credit_investigator", "payment_maker", "operations"]),
    (Party::Bank, "zheng", &["credit_approver", "payment_checker"]),
];

struct People {
    tokens: Vec<String>,
}

impl People {
    async fn of(house: &House) -> Self {
        let mut tokens = Vec::new();
        for (party, name, roles) in OFFICERS {
            tokens.push(house.token(*party, name, roles).await);
        }
        People { tokens }
    }

    /// Sits down at the desk as this person; the desk's address.
    async fn sit_down<'h>(&self, house: &'h House, screen: &Screen, name: &str) -> &'h str {
        let at = OFFICERS.iter().position(|(_, officer, _)| *officer == name).unwrap();
        let url = &house.services[&OFFICERS[at].0].url;
        screen.sign_in(url, name, &self.tokens[at]).await;
        url
    }

    async fn decide(&self, house: &House, screen: &Screen, name: &str, id: &str, task: &str, fields: &[(&str, &str)]) {
        let url = self.sit_down(house, screen, name).await;
        screen.decide(url, id, task, fields).await;
    }
}

fn union(house: &House) -> &str {
    &house.services[&Party::Union].url
}

#[tokio::test]
async fn an_application_goes_from_the_phone_to_the_payout_and_others_back_by_clicking_and_typing_alone() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let (phone, desk) = (Screen::phone().await, Screen::wide().await);
    phone.sign_in(union(&house), "applicants", &house.applicant).await;

    let paid = phone.apply(union(&house), 0, None).await;
    phone.says("受理审核：由受理岗办理，期限").await;
    phone.is_accessible("the applicant's page").await;
    for (name, task, fields) in [
        ("li", "check-eligibility", &[("choice", "approve")][..]),
        ("zhao", "due-diligence", AGREE),
        ("wu", "investigate", RECOMMEND),
        ("zheng", "decide-credit", APPROVE),
        ("qian", "sign-contracts", &[("choice", "PLEDGE"), ("PLEDGE.pledge", "机器设备一台")]),
        ("qian", "prepare-letter", &[]),
        ("sun", "check-letter", &[("choice", "release")]),
        ("wu", "sign-loan-contract", &[]),
        ("wu", "prepare-payment", &[]),
        ("zheng", "check-payment", &[("choice", "release")]),
    ] {
        people.decide(&house, &desk, name, &paid, task, fields).await;
    }
    let case = |id: &str| format!("{}/applications/{id}", union(&house));
    phone.until(&case(&paid), "您的申请已办结：银行放款 50,000.00 元").await;
    phone.goto(&format!("{}/schedule", case(&paid))).await;
    phone.says("本期应还").await;
    phone.is_accessible("the repayment schedule").await;

    let declined = phone.apply(union(&house), 1, None).await;
    people.decide(&house, &desk, "li", &declined, "check-eligibility", &[("choice", "approve")]).await;
    people.decide(&house, &desk, "zhao", &declined, "due-diligence", AGREE).await;
    let advise = &[("choice", "advise"), ("advise.decline", "RELATED_DEBT")];
    people.decide(&house, &desk, "wu", &declined, "investigate", advise).await;
    let decline = &[("choice", "decline"), ("decline.reason", "RELATED_DEBT")];
    people.decide(&house, &desk, "zheng", &declined, "decide-credit", decline).await;
    phone.until(&case(&declined), "不予贷款").await;

    let withdrawn = phone.apply(union(&house), 2, None).await;
    people.decide(&house, &desk, "li", &withdrawn, "check-eligibility", &[("choice", "approve")]).await;
    phone.goto(&case(&withdrawn)).await;
    let summaries = phone.client.find_all(Locator::Css("summary")).await.unwrap();
    for summary in summaries {
        if summary.text().await.unwrap() == "撤回申请" {
            summary.click().await.unwrap();
        }
    }
    phone.fill("reason", "NO_NEED").await;
    phone.press("form[action$='/withdrawal'] button").await;
    phone.until(&case(&withdrawn), "已撤回").await;
}

#[tokio::test]
async fn a_decision_is_made_with_the_keyboard_alone() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let screen = Screen::wide().await;
    screen.sign_in(union(&house), "applicants", &house.applicant).await;
    let id = screen.apply(union(&house), 0, None).await;
    screen.client.delete_all_cookies().await.unwrap();
    screen.goto(&format!("{}/login", union(&house))).await;
    let tab = String::from(char::from(Key::Tab));
    screen.tab_to("账户").await;
    screen.keys(&format!("li{tab}{}", people.tokens[0])).await;
    screen.enter().await;
    screen.until(&format!("{}/tasks", union(&house)), &id).await;
    screen.tab_to(&format!("办理{id}")).await;
    screen.enter().await;
    screen.says("符合条件").await;
    screen.tab_to("符合条件").await;
    screen.keys(" ").await;
    screen.tab_to("下一步：核对").await;
    screen.enter().await;
    screen.says("请核对").await;
    screen.tab_to("确认").await;
    screen.enter().await;
    screen.says("已办理").await;
    screen.says("担保审核中").await;
}

#[tokio::test]
async fn hostile_text_is_shown_as_text_and_runs_nowhere() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let screen = Screen::wide().await;
    screen.sign_in(union(&house), "applicants", &house.applicant).await;
    let hostile = "<script>window.hit=1</script>\"'><img src=x onerror=window.hit=1>\u{202e}倒写&amp;{{7*7}}";
    let id = screen.apply(union(&house), 0, Some(hostile)).await;
    let hit = async |page: &str| {
        let hit = screen.client.execute("return window.hit === undefined", Vec::new()).await.unwrap();
        assert_eq!(hit, json!(true), "something ran on {page}");
        screen.says("<script>window.hit=1</script>\"'><img src=x onerror=window.hit=1>").await;
        assert!(screen.text().await.contains("&amp;{{7*7}}"), "{page}");
    };
    hit("the applicant's page").await;
    let url = people.sit_down(&house, &screen, "li").await;
    for page in ["/applications".to_owned(), format!("/applications/{id}"), format!("/tasks/{id}/check-eligibility")] {
        screen.goto(&format!("{url}{page}")).await;
        hit(&page).await;
    }
    screen.decide(url, &id, "check-eligibility", &[("choice", "approve")]).await;
    let url = people.sit_down(&house, &screen, "zhao").await;
    screen.open_task(url, &format!("/tasks/{id}/due-diligence")).await;
    hit("the guarantor's task").await;
}

#[tokio::test]
async fn a_double_click_decides_once_and_the_back_button_shows_that_it_is_done() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let screen = Screen::wide().await;
    screen.sign_in(union(&house), "applicants", &house.applicant).await;
    let id = screen.apply(union(&house), 0, None).await;
    let url = people.sit_down(&house, &screen, "li").await;
    let task = format!("/tasks/{id}/check-eligibility");
    screen.open_task(url, &task).await;
    screen.fill("choice", "approve").await;
    screen.press("form.decision button").await;
    let before = screen.find("html").await;
    let twice = "const b = document.querySelector('main form button'); b.click(); b.click();";
    screen.client.execute(twice, Vec::new()).await.unwrap();
    screen.another_page(&before, "a double click").await;
    screen.until(&format!("{url}/applications/{id}"), "担保审核中").await;
    let lines = screen.client.find_all(Locator::Css("table.lanes tr.done")).await.unwrap();
    let mut decided = 0;
    for line in lines {
        decided += usize::from(line.text().await.unwrap().contains("受理审核"));
    }
    assert_eq!(decided, 1, "{}", screen.text().await);

    // Back at the form there is nothing to decide any more, and it says so.
    screen.goto(&format!("{url}{task}")).await;
    screen.says("没有").await;
    screen.history("back").await;
    screen.history("forward").await;
    assert!(screen.client.find(Locator::Css("form.decision")).await.is_err(), "{}", screen.text().await);
}

#[tokio::test]
async fn open_pages_move_by_themselves_and_lose_nothing_that_is_typed() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let applicant = Api::new(union(&house), &house.applicant).unwrap();
    let file = async |n: u32| {
        let filed = applicant.post("applications", &firms::form(n, 0).unwrap()).await.unwrap();
        filed["application_id"].as_str().unwrap().to_owned()
    };
    let (desk, case) = (Screen::wide().await, Screen::wide().await);
    let url = people.sit_down(&house, &desk, "li").await;
    people.sit_down(&house, &case, "li").await;

    // A new task comes onto the open workbench.
    desk.goto(&format!("{url}/")).await;
    desk.says("没有待办").await;
    let id = file(0).await;
    desk.comes_to_say(&id).await;

    // The open case and the open decision hear of the withdrawal; what is typed stays.
    case.goto(&format!("{url}/applications/{id}")).await;
    desk.open_task(url, &format!("/tasks/{id}/check-eligibility")).await;
    desk.fill("choice", "ask_for_papers").await;
    applicant.post(&format!("applications/{id}/withdrawal"), &json!({ "reason": "NO_NEED" })).await.unwrap();
    case.comes_to_say("已撤回").await;
    desk.comes_to_say("此案已有变化").await;
    assert!(desk.find("[name=\"choice\"][value=\"ask_for_papers\"]").await.is_selected().await.unwrap());

    // What the loan would cost stands there while the terms are typed.
    let id = file(1).await;
    people.decide(&house, &desk, "li", &id, "check-eligibility", &[("choice", "approve")]).await;
    let agrees = [("choice", "agree"), ("agree.amount_fen", "50000"), ("agree.counter_guarantee", "NONE")];
    people.decide(&house, &desk, "zhao", &id, "due-diligence", &agrees).await;
    let url = people.sit_down(&house, &desk, "wu").await;
    desk.open_task(url, &format!("/tasks/{id}/investigate")).await;
    desk.fill("choice", "recommend").await;
    for (name, value) in [("amount_fen", "50000"), ("rate_ppm", "4.35"), ("method", "BULLET")] {
        assert!(!desk.text().await.contains("利息合计"), "no terms, no estimate");
        desk.fill(&format!("recommend.{name}"), value).await;
    }
    desk.comes_to_say("利息合计").await;
    let entries =
        desk.client.execute("return window.performance.getEntriesByType('navigation').length", Vec::new()).await;
    assert_eq!(entries.unwrap(), json!(1));
}

#[tokio::test]
async fn every_kind_of_page_is_accessible_and_fits_its_window() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let (phone, desk) = (Screen::phone().await, Screen::wide().await);
    phone.goto(&format!("{}/login", union(&house))).await;
    phone.is_accessible("/login on a phone").await;
    phone.sign_in(union(&house), "applicants", &house.applicant).await;
    for page in ["/", "/apply/1", "/apply/2", "/apply/3", "/password", "/applications/NCD-2019-9999"] {
        phone.goto(&format!("{}{page}", union(&house))).await;
        phone.is_accessible(&format!("{page} on a phone")).await;
    }
    let id = phone.apply(union(&house), 0, None).await;
    phone.is_accessible("an application on a phone").await;

    let url = people.sit_down(&house, &desk, "li").await;
    let task = format!("/tasks/{id}/check-eligibility");
    for page in
        ["/", "/tasks", "/applications", "/books/0", "/books/1", "/books/2", "/books/3", "/incidents", "/password"]
    {
        desk.goto(&format!("{url}{page}")).await;
        desk.is_accessible(page).await;
    }
    for page in [format!("/applications/{id}"), task.clone(), format!("{task}/hands")] {
        desk.goto(&format!("{url}{page}")).await;
        desk.is_accessible(&page).await;
    }
    desk.open_task(url, &task).await;
    desk.fill("choice", "reject").await;
    desk.is_accessible("a decision that is half filled in").await;
    desk.press("form.decision button").await;
    desk.is_accessible("the page to confirm").await;
    let token = house.token(Party::Union, "wang", &["fund_manager", "charter_signatory", "supervisor"]).await;
    let wang = Api::new(url, &token).unwrap();
    let rules = domain::Charter {
        version: 2,
        effective_from: domain::Date::constant(2020, 1, 1),
        ..domain::Charter::programme_2017()
    };
    let charter = wang.post("charters", &json!({ "charter": rules, "because": "延长期限" })).await.unwrap();
    let charter = format!("/charters/{}", charter["hash"].as_str().unwrap());
    house.token(Party::Union, "zhou", &["fund_manager"]).await;
    let absence = json!({
        "person": "person:li", "deputy": "person:zhou", "from": "2019-06-03", "to": "2019-06-14", "because": "年休假",
    });
    wang.post("absences", &absence).await.unwrap();
    desk.sign_in(url, "wang", &token).await;
    for page in ["/actions", "/actions/0", "/charters", &charter, "/absences"] {
        desk.goto(&format!("{url}{page}")).await;
        desk.is_accessible(page).await;
    }
    let token = house.token(Party::Union, "guo", &["hotline_agent"]).await;
    let call = json!({ "category": "HELP", "matter": "询问进度", "about_application": id });
    Api::new(url, &token).unwrap().post("tickets", &call).await.unwrap();
    desk.sign_in(url, "guo", &token).await;
    let status = format!("/?application_id={id}");
    for page in ["/tickets", "/tickets/GD-2019-001", "/tasks/GD-2019-001/dispatch-ticket", &status] {
        desk.goto(&format!("{url}{page}")).await;
        desk.is_accessible(page).await;
    }
    phone.goto(&format!("{}/applications/{id}", union(&house))).await;
    phone.is_accessible("an application with a ticket, on a phone").await;
}

/// `cargo test -p nuan --test all -- --ignored screenshots` writes the pictures of the README.
#[tokio::test]
#[ignore = "writes the README's pictures"]
async fn screenshots() {
    let house = House::open().await;
    let people = People::of(&house).await;
    let (phone, desk) = (Screen::phone().await, Screen::wide().await);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    phone.sign_in(union(&house), "applicants", &house.applicant).await;
    let id = phone.apply(union(&house), 0, None).await;
    phone.goto(&format!("{}/applications/{id}", union(&house))).await;
    phone.shot(&folder, "follow.png").await;
    people.decide(&house, &desk, "li", &id, "check-eligibility", &[("choice", "approve")]).await;
    people.decide(&house, &desk, "zhao", &id, "due-diligence", AGREE).await;
    let url = people.sit_down(&house, &desk, "wu").await;
    desk.open_task(url, &format!("/tasks/{id}/investigate")).await;
    desk.fill("choice", "recommend").await;
    desk.shot(&folder, "decide.png").await;
}

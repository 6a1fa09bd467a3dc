//! The bank with a working set of rows, and a small language to write tables in: a line says what comes in and what goes out.
//!
//! What comes in: `credit N`, `cancel N`, `letter N`, `stated? N`, `contract N`, `terminate N`, `disburse N`, `query N`,
//! `close N` (messages under the keys of attempt N), `core posted|posted-again|not-posted|closed|unknown N` (the
//! core-banking system about the payment of attempt N), `wait 90m`, and what persons do: `ann: recommend`, `ann: advise`,
//! `bob: approve`, `bob: decline`, `bob: return`, `olga: sign`, `max: prepare`, `cleo: release`, `cleo: return-payment`.
//! Of a loan that is paid out: `day D` (the day begins, and what falls due until then has fallen due), `olga: pay REFERENCE D FEN`,
//! `olga: prepay REFERENCE FEN`, `olga: prepay-part REFERENCE FEN PRINCIPAL`, `olga: unpay N` (the N-th receipt), `union-lacks N`, `guarantor-lacks N` (reports from N on).
//! Of money whose loan is not known: `olga: unknown REFERENCE D FEN`, `olga: assign REFERENCE`, `olga: give-money-back REFERENCE`, `cleo: book
//! REFERENCE`, `cleo: return-money REFERENCE`.
//! Of relief: `relief N` (the union asks for a plan, of the N-th request), `withdraw-relief N`, `consent N` and `rescind N` (of the guarantor's),
//! `switch N`, `query-switch N`, `close-switch N`, `ann: propose MEASURE…` (`extend=D`, `defer=D/D,D`, `rest=D/D`), `ann: no-relief`.
//! Of subsidies: `max: list-subsidies PERIOD`, `cleo: release-subsidies PERIOD`, `cleo: return-subsidies PERIOD`, `subsidise N`, `query-subsidy N`,
//! `close-subsidy N`, `olga: take-subsidy-back PERIOD`, `olga: appropriate FEN`.
//! What goes out: messages, orders to the port, `refused CODE`, or `-` for nothing.

use bank_core::{
    Bank, Command, CoreBanking, Fact, Role, Row,
    command::{
        CorrectionCheck, CreditVerdict, DepositPurpose, Finding, IdentificationCheck, ListCheck, PaymentCheck,
        ReliefVerdict, RepaymentKind, ReversalCheck,
    },
    rows,
    unidentified::Purpose,
};
use contracts::{
    About, ApproveCredit, AskNotDisbursed, CloseDisbursement, ConsentPresented, CreditDecision, CreditDecline,
    Disburse, DisbursementReport, Firm, Letter, LoanReceipt, LoanReport, LoanReportsAsked, Message, PaySubsidy, Plain,
    PresentLetter, ProposeRelief, QueryDisbursement, ReliefDecline, ReliefProposal, SignLoanContract, SignedPlan,
    SubsidyReport, SwitchReport, Wish, wire::Received,
};
use domain::{
    Amount, ApplicationId, Charter, CharterHash, Charters, Date, Fen, Method, Moment, Party, Ppm,
    charter::{DeferralWindow, ReliefPolicy},
    loan::Measure,
};
use organisation::{
    Actor, Input, Key, Organisation, Outcome, Person, PortAction, PortAnswer, PostingAnswer, Recorded, Refusal, Rows,
    Stop, decide,
};
use std::{collections::BTreeSet, sync::Arc};

pub const ASKED: i64 = 30_000_000;
pub const MONTHS: u16 = 12;

pub fn id() -> ApplicationId {
    ApplicationId::parse("NCD-2018-0052").unwrap()
}

pub fn amount(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

pub fn ppm(rate: u32) -> Ppm {
    Ppm::new(rate).unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A working day before the first LPR: the cap to 12 months is 45,500 ppm.
pub fn morning() -> Moment {
    Moment::parse("2018-09-05T10:00:00+08:00").unwrap()
}

pub fn all_roles() -> BTreeSet<Role> {
    Role::ALL.iter().copied().collect()
}

pub fn firm() -> Firm {
    Firm {
        enterprise_name: "样例软件有限公司".into(),
        uscc: "91350100M000100Y43".parse().unwrap(),
        industry_code: "I65".into(),
        district: "石景山".into(),
        registered_on: day("2015-03-02"),
        employees: 12,
        turnover_fen: Fen::new(500_000_000),
        tax_fen: Fen::new(9_000_000),
        debt_fen: Fen::new(20_000_000),
    }
}

/// The bank and everything it has stored.
pub struct House {
    pub bank: Bank,
    pub at: Moment,
    pub rows: Rows<Row>,
    pub facts: Vec<Fact>,
    pub booked: usize,
    pub charter: CharterHash,
}

impl House {
    pub fn new(core_banking: CoreBanking, automatic: BTreeSet<Role>) -> Self {
        Self::under(Charter::programme_2017(), core_banking, automatic)
    }

    pub fn under(charter: Charter, core_banking: CoreBanking, automatic: BTreeSet<Role>) -> Self {
        let mut charters = Charters::default();
        let charter = charters.accept(charter).unwrap();
        let bank = Bank { charters: Arc::new(charters), automatic, core_banking };
        let rows = Rows::default();
        House { bank, at: morning(), rows, facts: Vec::new(), booked: 0, charter }
    }

    /// Decides one input, loading what `needs` names and nothing else.
    pub fn take(&mut self, input: &Input<Command>) -> Result<Outcome<Fact>, Stop> {
        let mut loaded = BTreeSet::new();
        loop {
            let mut wanted = BTreeSet::new();
            self.bank.needs(input, &self.rows, &mut wanted);
            if wanted.is_subset(&loaded) {
                break;
            }
            for key in wanted {
                if !self.rows.is_loaded(&key) {
                    self.rows.load(key.clone(), None, 0);
                }
                loaded.insert(key);
            }
        }
        let outcome = decide(&self.bank, input, self.at, &mut self.rows)?;
        for recorded in &outcome.recorded {
            match recorded {
                Recorded::Fact(fact) => self.facts.push(fact.clone()),
                Recorded::Booked(_) => self.booked += 1,
                _ => {}
            }
        }
        Ok(outcome)
    }

    pub fn hear(&mut self, message: Message) -> Result<Outcome<Fact>, Stop> {
        let (from, _) = message.kind().route();
        let received =
            Received { from, seq: 1, at: self.at, saga_id: organisation::saga_id(&id()), traceparent: None, message };
        self.take(&Input::Message(received.into()))
    }

    pub fn command(&mut self, person: &str, command: Command) -> Result<Outcome<Fact>, Stop> {
        let roles = Role::ALL.iter().map(|role| role.code().to_owned()).collect();
        self.take(&Input::Command { actor: Actor { person: Person::new(person), roles }, command })
    }

    pub fn core(&mut self, key: &str, posting: PostingAnswer) -> Result<Outcome<Fact>, Stop> {
        let answer = PortAnswer::CoreBanking { key: key.into(), posting };
        self.take(&Input::Port { application_id: id(), answer })
    }

    pub fn tick(&mut self) -> Result<Outcome<Fact>, Stop> {
        self.take(&Input::Due(rows::case(&id())))
    }

    pub fn case(&self) -> &bank_core::case::Case {
        match self.rows.own(&rows::case(&id())).unwrap() {
            Some(Row::Case(case)) => case,
            other => panic!("no case but {other:?}"),
        }
    }

    pub fn loan(&self) -> Option<&bank_core::rows::Loan> {
        match self.rows.own(&rows::loan(&id())) {
            Ok(Some(Row::Loan(loan))) => Some(loan),
            _ => None,
        }
    }

    pub fn index(&self) -> organisation::Index {
        match self.rows.own(&rows::case(&id())) {
            Ok(Some(row)) => Bank::index(row),
            _ => organisation::Index::default(),
        }
    }

    pub fn balance(&self, code: &str) -> i64 {
        let code = ledger::AccountCode::parse(code).unwrap();
        match self.rows.get(&Key::Account(code)) {
            Ok(Some(organisation::Row::Account(account))) => account.balance().get(),
            _ => 0,
        }
    }

    /// What a line says comes in.
    pub fn input(&self, line: &str) -> Result<Message, String> {
        let (what, n) = line.rsplit_once(' ').ok_or(line)?;
        let n: u32 = n.parse().map_err(|_| line)?;
        Ok(self.message(what, n).unwrap_or_else(|| panic!("what is `{line}`?")))
    }

    /// The message of attempt `n`.
    pub fn message(&self, what: &str, n: u32) -> Option<Message> {
        let about =
            |stem: &str| About { application_id: id(), charter: self.charter, key: format!("{stem}:{}:{n}", id()) };
        let letter_no = format!("BH-{}-{n}", id());
        Some(match what {
            "credit" => Message::ApproveCredit(ApproveCredit {
                about: about("approve-credit"),
                firm: firm(),
                wish: Wish {
                    amount_fen: amount(ASKED),
                    term_months: MONTHS,
                    method: Method::Bullet,
                    purpose: "采购设备".into(),
                },
                conditions: vec!["按季报送财务报表".into()],
                credit_query_consent: "CREDIT_QUERY/1".into(),
                reservation_id: Some(format!("YL-{}", id())),
            }),
            "cancel" => Message::CancelApproval(Plain { about: about("approve-credit") }),
            "letter" => {
                Message::PresentLetter(PresentLetter { about: about("issue-letter"), letter: letter(&letter_no) })
            }
            "stated?" => Message::AskNotDisbursed(AskNotDisbursed { about: about("issue-letter"), letter_no }),
            "contract" => Message::SignLoanContract(SignLoanContract {
                about: about("sign-loan-contract"),
                letter_no,
                amount_fen: amount(ASKED),
                term_months: MONTHS,
                conditions: Vec::new(),
            }),
            "terminate" => Message::TerminateLoanContract(Plain { about: about("sign-loan-contract") }),
            // Whichever attempt, a payment rests on the first letter.
            "disburse" => Message::Disburse(Disburse {
                about: about("disb"),
                amount_fen: amount(ASKED),
                letter_no: format!("BH-{}-1", id()),
                reservation_id: format!("YL-{}", id()),
                membership_verified_on: day("2018-09-05"),
                rolls: None,
            }),
            "query" => Message::QueryDisbursement(QueryDisbursement { about: about("disb") }),
            "close" => Message::CloseDisbursement(CloseDisbursement { about: about("disb") }),
            "relief" => Message::ProposeRelief(ProposeRelief {
                about: about("propose-plan"),
                no: n,
                requested_on: self.at.date(),
                reason: "未能开工".into(),
            }),
            "withdraw-relief" => Message::WithdrawReliefPlan(Plain { about: about("propose-plan") }),
            "consent" | "rescind" => Message::ConsentPresented(ConsentPresented {
                about: about("consent-to-plan"),
                plan_hash: self.plan_hash(),
                guaranteed_until: (what == "consent").then(|| day("2020-03-05")),
            }),
            "switch" => {
                Message::SwitchSchedule(SignedPlan { about: about("switch-schedule"), plan_hash: self.plan_hash() })
            }
            "query-switch" => Message::QuerySwitch(Plain { about: about("switch-schedule") }),
            "close-switch" => Message::CloseSwitch(Plain { about: about("switch-schedule") }),
            "subsidise" => Message::PaySubsidy(PaySubsidy {
                about: about("sub"),
                period: "2018Q4".parse().unwrap(),
                amount_fen: amount(242_667),
            }),
            "query-subsidy" => Message::QuerySubsidy(Plain { about: about("sub") }),
            "close-subsidy" => Message::CloseSubsidy(Plain { about: about("sub") }),
            "union-lacks" => Message::UnionAsksLoanReports(LoanReportsAsked { about: about("loan"), from: n }),
            "guarantor-lacks" => Message::GuarantorAsksLoanReports(LoanReportsAsked { about: about("loan"), from: n }),
            _ => return None,
        })
    }

    /// Hash of the plan that was proposed; of another one, if none was.
    fn plan_hash(&self) -> String {
        let case = self.rows.own(&rows::case(&id())).ok().flatten();
        let plan = match case {
            Some(Row::Case(case)) => case.relief.as_ref().and_then(|relief| relief.plan.clone()),
            _ => None,
        };
        plan.map_or_else(|| "00".repeat(32), |plan| plan.hash)
    }

    /// Lets a line come in.
    pub fn run(&mut self, line: &str) -> Result<Outcome<Fact>, Stop> {
        if let Some((person, what)) = line.split_once(": ") {
            return self.command(person, self.repays(what).unwrap_or_else(|| command(what)));
        }
        if let Some(on) = line.strip_prefix("day ") {
            return self.begin_day(day(on));
        }
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["core", what, n] => self.core(&format!("disb:{}:{n}", id()), posting(what)),
            ["wait", minutes] => {
                let minutes = minutes.strip_suffix('m').unwrap().parse().unwrap();
                self.at = self.at.plus_minutes(minutes);
                self.tick()
            }
            _ => self.hear(self.input(line).unwrap()),
        }
    }

    /// What is done about repayments.
    fn repays(&self, what: &str) -> Option<Command> {
        let application_id = id();
        let fen = |text: &str| amount(text.parse().unwrap());
        Some(match what.split(' ').collect::<Vec<_>>()[..] {
            ["pay", reference, on, sum] => {
                let (reference, value_date, amount_fen) = (reference.into(), day(on), fen(sum));
                Command::ReceiveRepayment {
                    application_id,
                    reference,
                    value_date,
                    amount_fen,
                    kind: RepaymentKind::Scheduled,
                }
            }
            ["prepay", reference, sum] => {
                let (reference, value_date, amount_fen) = (reference.into(), self.at.date(), fen(sum));
                Command::ReceiveRepayment {
                    application_id,
                    reference,
                    value_date,
                    amount_fen,
                    kind: RepaymentKind::Early,
                }
            }
            ["prepay-part", reference, sum, part] => {
                let (reference, value_date, amount_fen) = (reference.into(), self.at.date(), fen(sum));
                let kind = RepaymentKind::Part { principal_fen: fen(part) };
                Command::ReceiveRepayment { application_id, reference, value_date, amount_fen, kind }
            }
            ["unknown", reference, on, sum] => Command::EnterUnidentified {
                reference: reference.into(),
                value_date: day(on),
                amount_fen: fen(sum),
                note: "附言不清".into(),
            },
            ["assign", reference] => {
                Command::IdentifyMoney { reference: reference.into(), purpose: Purpose::Assign { application_id } }
            }
            ["give-money-back", reference] => {
                let purpose = Purpose::GiveBack { because: "付款人要求退回".into() };
                Command::IdentifyMoney { reference: reference.into(), purpose }
            }
            ["book", reference] => {
                Command::CheckIdentification { reference: reference.into(), verdict: IdentificationCheck::Release }
            }
            ["return-money", reference] => {
                let verdict = IdentificationCheck::Return { because: "户名不符".into() };
                Command::CheckIdentification { reference: reference.into(), verdict }
            }
            ["unpay", no] => {
                let because = "记错账户".into();
                Command::ReverseRepayment { application_id, receipt: no.parse().unwrap(), because }
            }
            ["propose", ref measures @ ..] => {
                let measures = measures.iter().map(|measure| measure_of(measure)).collect();
                Command::ProposeRelief { application_id, verdict: ReliefVerdict::Propose { measures } }
            }
            ["list-subsidies", period] => Command::PrepareSubsidyList { period: period.parse().unwrap() },
            ["release-subsidies", period] => {
                Command::CheckSubsidyList { period: period.parse().unwrap(), verdict: ListCheck::Release }
            }
            ["return-subsidies", period] => {
                let verdict = ListCheck::Return { because: "漏列一笔".into() };
                Command::CheckSubsidyList { period: period.parse().unwrap(), verdict }
            }
            ["take-subsidy-back", period] => {
                let because = "账户已销户".into();
                Command::ReturnSubsidy { application_id, period: period.parse().unwrap(), because }
            }
            ["appropriate", sum] => {
                let (reference, purpose) = (format!("TX-{}", self.facts.len()), DepositPurpose::Subsidy);
                Command::ReceiveDeposit { reference, amount_fen: fen(sum), purpose }
            }
            ["no-relief"] => {
                let reason = ReliefDecline::NoAbility;
                Command::ProposeRelief { application_id, verdict: ReliefVerdict::Decline { reason } }
            }
            _ => return None,
        })
    }

    /// Every timer of the loan's until then fires in its turn.
    fn begin_day(&mut self, on: Date) -> Result<Outcome<Fact>, Stop> {
        let mut all = Outcome::default();
        while let Some(wake) = self.loan_wakes().filter(|wake| *wake <= Moment::start_of(on)) {
            self.at = self.at.max(wake);
            let outcome = self.take(&Input::Due(rows::loan(&id())))?;
            assert!(!outcome.recorded.is_empty(), "a timer that changes nothing fires for ever");
            all.messages.extend(outcome.messages);
        }
        self.at = Moment::start_of(on).plus_hours(10);
        Ok(all)
    }

    fn loan_wakes(&self) -> Option<Moment> {
        self.rows.own(&rows::loan(&id())).ok().flatten().and_then(|row| Bank::index(row).wake_at)
    }

    /// What a line leads to, in words.
    pub fn says(&mut self, line: &str) -> String {
        words(&self.run(line))
    }

    /// Runs lines whose outcome the caller does not check.
    pub fn after(mut self, lines: &[&str]) -> Self {
        for line in lines {
            let said = self.says(line);
            assert!(!said.starts_with("refused") && !said.starts_with("illegal"), "{line}: {said}");
        }
        self
    }
}

/// `extend=D`, `defer=D/D,D`, `rest=D/D`.
fn measure_of(text: &str) -> Measure {
    let (what, days) = text.split_once('=').unwrap();
    let first = |days: &str| days.split_once('/').map(|(one, other)| (day(one), other.to_owned())).unwrap();
    match what {
        "extend" => Measure::Extend { to: day(days) },
        "defer" => {
            let (due_on, parts) = first(days);
            Measure::DeferInterest { due_on, parts_on: parts.split(',').map(day).collect() }
        }
        "rest" => {
            let (until, principal_on) = first(days);
            Measure::InterestOnly { until, principal_on: day(&principal_on) }
        }
        other => panic!("what is `{other}`?"),
    }
}

/// Under a policy of the first year of these tests: what falls due in 2018 may move to March 2019, what falls due later to 2019-12-31.
pub fn under_relief() -> House {
    let mut charter = Charter::programme_2017();
    let window = |due_to, moved_to| DeferralWindow { due_to: day(due_to), moved_to: day(moved_to) };
    let policy = ReliefPolicy {
        from: day("2018-09-05"),
        to: day("2019-08-31"),
        windows: vec![window("2018-12-31", "2019-03-31"), window("2019-09-30", "2019-12-31")],
        hit_industries: BTreeSet::from(["I".into()]),
    };
    charter.relief_policies.insert(0, policy);
    House::under(charter, CoreBanking::OwnLedger, BTreeSet::new())
}

pub fn letter(letter_no: &str) -> Letter {
    let (issued_on, valid_until) = (day("2018-09-05"), day("2018-10-05"));
    Letter {
        letter_no: letter_no.into(),
        amount_fen: amount(ASKED),
        issued_on,
        valid_until,
        period_months: 6,
        hash: Letter::digest(letter_no, amount(ASKED), issued_on, valid_until, 6),
    }
}

pub fn posting(what: &str) -> PostingAnswer {
    match what {
        "posted" => PostingAnswer::Posted { posting_no: "CB-1".into() },
        "posted-again" => PostingAnswer::Posted { posting_no: "CB-2".into() },
        "not-posted" => PostingAnswer::NotPosted { why: "unknown key".into() },
        "in-suspense" => PostingAnswer::InSuspense { posting_no: "CB-1".into() },
        "closed" => PostingAnswer::Closed,
        "unknown" => PostingAnswer::Unknown,
        other => panic!("what is `{other}`?"),
    }
}

/// What a person does.
pub fn command(what: &str) -> Command {
    let application_id = id();
    let (amount_fen, rate_ppm, method) = (amount(ASKED), ppm(45_500), Method::Bullet);
    match what {
        "recommend" => {
            Command::Investigate { application_id, finding: Finding::Recommend { amount_fen, rate_ppm, method } }
        }
        "advise" => {
            Command::Investigate { application_id, finding: Finding::Advise { decline: CreditDecline::CreditRecord } }
        }
        "approve" => {
            Command::DecideCredit { application_id, verdict: CreditVerdict::Approve { amount_fen, rate_ppm, method } }
        }
        "decline" => {
            let reason = CreditDecline::RepaymentSource;
            Command::DecideCredit { application_id, verdict: CreditVerdict::Decline { reason } }
        }
        "return" => {
            let because = "报告缺征信分析".into();
            Command::DecideCredit { application_id, verdict: CreditVerdict::Return { because } }
        }
        "sign" => Command::SignLoanContract { application_id },
        "prepare" => Command::PreparePayment { application_id },
        "release" => Command::CheckPayment { application_id, verdict: PaymentCheck::Release },
        "suspend" => Command::CheckPayment { application_id, verdict: PaymentCheck::Suspend },
        "enter" => Command::PrepareCorrection { application_id, account: "tok-2".into() },
        "move" => Command::CheckCorrection { application_id, verdict: CorrectionCheck::Release },
        "return-account" => {
            let because = "户名不符".into();
            Command::CheckCorrection { application_id, verdict: CorrectionCheck::Return { because } }
        }
        "want-reversal" => Command::PrepareReversal { application_id, because: "重复放款".into() },
        "reverse" => Command::CheckReversal { application_id, verdict: ReversalCheck::Release },
        "return-reversal" => {
            let because = "放款无误".into();
            Command::CheckReversal { application_id, verdict: ReversalCheck::Return { because } }
        }
        "return-payment" => {
            let because = "账号有误".into();
            Command::CheckPayment { application_id, verdict: PaymentCheck::Return { because } }
        }
        other => panic!("what is `{other}`?"),
    }
}

/// What a decision says to partners and ports.
pub fn words(decided: &Result<Outcome<Fact>, Stop>) -> String {
    let outcome = match decided {
        Ok(outcome) => outcome,
        Err(Stop::Refused(Refusal { code, .. })) => return format!("refused {code}"),
        Err(other) => return format!("illegal: {other}"),
    };
    let mut said: Vec<String> = Vec::new();
    for brief in outcome.messages.iter().map(brief) {
        // What both hear is said once.
        let both = said.last().and_then(|last| last.strip_prefix("guarantor ")).map(str::to_owned);
        match both {
            Some(what) if brief.strip_prefix("union ") == Some(&what) => {
                said.pop();
                said.push(format!("both {what}"));
            }
            _ => said.push(brief),
        }
    }
    said.extend(outcome.orders.iter().map(|order| {
        let attempt = order.key.rsplit(':').next().unwrap_or_default().to_owned();
        match order.action {
            PortAction::Post { amount_fen } => format!("order post {} under {attempt}", amount_fen.get()),
            PortAction::Ask => format!("order ask {attempt}"),
            PortAction::Close => format!("order close {attempt}"),
            PortAction::Seal { .. } => panic!("the bank seals nothing for others"),
        }
    }));
    if said.is_empty() { "-".into() } else { said.join("; ") }
}

/// A message in a few words: to whom, under which attempt, what.
pub fn brief(message: &Message) -> String {
    let key = message.key();
    let attempt = key.rsplit(':').next().unwrap_or_default();
    let (from, to) = message.kind().route();
    assert_eq!(from, Party::Bank, "the bank speaks for itself");
    let what = match message {
        Message::CreditDecided(answer) => match &answer.decision {
            CreditDecision::Approved { amount_fen, rate_ppm, .. } => {
                format!("approved {} at {}", amount_fen.fen().get(), rate_ppm.get())
            }
            CreditDecision::Declined { reason } => format!("declined {reason}"),
        },
        Message::ApprovalCancelled(answer) | Message::LoanContractTerminated(answer) => match &answer.refused {
            None => "undone".into(),
            Some(_) => "cannot undo".into(),
        },
        Message::BankRefused(answer) => format!("not taken up {:?}", answer.why),
        Message::LoanContractSigned(answer) => format!("signed {}", answer.contract_no),
        Message::DisbursementReported(answer) => match &answer.report {
            DisbursementReport::Posted { receipt } => format!("posted {}", receipt.posting_no),
            DisbursementReport::NotPosted { why } => format!("not posted {why:?}"),
            DisbursementReport::Unknown => "unknown".into(),
            DisbursementReport::Closed => "closed".into(),
        },
        Message::ReliefProposed(answer) => match &answer.proposal {
            ReliefProposal::Plan { plan } => format!("plan until {}", plan.maturity_on),
            ReliefProposal::Declined { reason } => format!("no plan {reason}"),
        },
        Message::ReliefPlanWithdrawn(answer) => match &answer.refused {
            None => "undone".into(),
            Some(_) => "cannot undo".into(),
        },
        Message::ScheduleSwitched(answer) => match &answer.report {
            SwitchReport::Switched { on } => format!("switched {on}"),
            SwitchReport::NotSwitched { why } => format!("not switched {why}"),
            SwitchReport::Unknown => "unknown".into(),
            SwitchReport::Closed => "closed".into(),
        },
        Message::SubsidyListed(said) => {
            format!(
                "row {} of {}: {} by {:?}",
                said.row.no,
                said.row.of,
                said.row.interest_fen.get(),
                said.row.receipts
            )
        }
        Message::SubsidyReported(answer) => match &answer.report {
            SubsidyReport::Paid { on, posting_no } => format!("subsidised {on} {posting_no}"),
            SubsidyReport::NotPaid { why } => format!("not subsidised {why}"),
            SubsidyReport::Unknown => "unknown".into(),
            SubsidyReport::Closed => "closed".into(),
        },
        Message::SubsidyReturned(said) => format!("subsidy back {}", said.on),
        Message::LoanDisbursed(notice) => format!("loan disbursed {}", notice.receipt.posting_no),
        Message::LoanReversed(notice) | Message::PayoutReversed(notice) => {
            format!("reversed {}", notice.receipt.posting_no)
        }
        Message::LoanReportedToGuarantor(said) | Message::LoanReportedToUnion(said) => report(&said.report),
        Message::NotDisbursedStated(answer) => format!("not disbursed: {}", answer.not_disbursed),
        other => panic!("the bank says {}?", other.kind().name()),
    };
    format!("{to} {attempt}: {what}")
}

fn report(report: &LoanReport) -> String {
    let split = |receipt: &LoanReceipt| {
        let penalty = match receipt.penalty_fen.get() {
            0 => String::new(),
            fen => format!("+{fen}"),
        };
        let (principal, interest) = (receipt.principal_fen.get(), receipt.interest_fen.get());
        format!("{principal}+{interest}{penalty}, {} left", receipt.outstanding_fen.get())
    };
    match report {
        LoanReport::Received { receipt } => format!("received {}", split(receipt)),
        LoanReport::Reversed { receipt, .. } => format!("reversed {}", split(receipt)),
        LoanReport::Overdue { since } => format!("overdue {since}"),
        LoanReport::Current {} => "current".into(),
        LoanReport::Settled { on, prepaid: false } => format!("settled {on}"),
        LoanReport::Settled { on, prepaid: true } => format!("prepaid {on}"),
        LoanReport::Rescheduled { schedule } => format!("schedule {} until {}", schedule.version, schedule.maturity_on),
        LoanReport::ReliefEnded { no, on, kept } => {
            format!("relief {no} {} {on}", if *kept { "kept" } else { "broken" })
        }
    }
}

/// Runs a table: what comes in, what goes out.
pub fn check(house: &mut House, table: &[(&str, &str)]) {
    for (row, (line, expected)) in table.iter().enumerate() {
        let said = house.says(line);
        assert_eq!(said, *expected, "row {row}: {line}\n{:#?}", house.rows.own(&rows::case(&id())));
    }
}

/// By persons, posting in the bank's own books.
pub fn manual() -> House {
    House::new(CoreBanking::OwnLedger, BTreeSet::new())
}

/// By persons, posting in a system behind a port.
pub fn with_port() -> House {
    House::new(CoreBanking::Port, BTreeSet::new())
}

/// By rule, posting in the bank's own books.
pub fn automatic() -> House {
    House::new(CoreBanking::OwnLedger, all_roles())
}

/// From the ask for credit to the day on which a payment may be ordered.
pub const CONTRACTED: [&str; 6] =
    ["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign"];

/// From the ask for credit to the order to the core-banking system.
pub const RELEASED: [&str; 9] = [
    "credit 1",
    "ann: recommend",
    "bob: approve",
    "letter 1",
    "contract 1",
    "olga: sign",
    "disburse 1",
    "max: prepare",
    "cleo: release",
];

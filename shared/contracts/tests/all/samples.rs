//! One sample of every message.

use contracts::*;
use domain::loan::Measure;
use domain::{Amount, ApplicationId, Charter, CharterHash, Fen, Moment, Ppm, Uscc, schedule::Method};

fn about(key: &str) -> About {
    About {
        application_id: ApplicationId::parse("NCD-2018-0052").unwrap(),
        charter: CharterHash::from_bytes([7; 32]),
        key: key.into(),
    }
}

fn amount(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

fn firm() -> Firm {
    Firm {
        enterprise_name: "北京样例0012号有限公司".into(),
        uscc: Uscc::parse("91119900XN0000012A").unwrap(),
        industry_code: "I65".into(),
        district: "海淀".into(),
        registered_on: "2015-01-28".parse().unwrap(),
        employees: 12,
        turnover_fen: Fen::new(218_000_000),
        tax_fen: Fen::new(4_360_000),
        debt_fen: Fen::new(20_000_000),
    }
}

fn wish() -> Wish {
    Wish {
        amount_fen: amount(48_000_000), term_months: 18, method: Method::Bullet, purpose: "支付房屋租金".into()
    }
}

fn letter() -> Letter {
    let (no, from, until) = ("BH-NCD-2018-0052-1", "2018-08-30".parse().unwrap(), "2018-09-29".parse().unwrap());
    Letter {
        letter_no: no.into(),
        amount_fen: amount(48_000_000),
        issued_on: from,
        valid_until: until,
        period_months: 6,
        hash: Letter::digest(no, amount(48_000_000), from, until, 6),
    }
}

fn receipt() -> DisbursementReceipt {
    DisbursementReceipt {
        posting_no: "FK-NCD-2018-0052".into(),
        amount_fen: amount(48_000_000),
        rate_ppm: Ppm::new(45_000).unwrap(),
        value_date: "2018-09-05".parse().unwrap(),
        maturity_on: "2020-03-05".parse().unwrap(),
    }
}

fn charter_answered() -> CharterAnswered {
    let charter = Charter::programme_2017();
    let answer = CharterAnswer::Declined { because: "额度过高".into() };
    CharterAnswered { charter_hash: charter.hash(), charter: Box::new(charter), answer }
}

fn papers_asked() -> PapersAsked {
    PapersAsked { about: about("papers:NCD-2018-0052"), letterbox: "5a".repeat(32) }
}

fn paper_sealed() -> PaperSealed {
    let (kind, media_type) = (PaperKind::Licence, "application/pdf".into());
    PaperSealed {
        about: about("paper:c1c1c1c1c1c1c1c1:1"),
        paper: Paper { address: "c1".repeat(32), kind, media_type, pages: 2, bytes: 183_000 },
        letterbox: "5a".repeat(32),
        part: 1,
        of: 2,
        sealed: "c2VhbGVk".into(),
    }
}

/// A message of each kind.
pub fn sample(kind: Kind) -> Message {
    let plain = |key| Plain { about: about(key) };
    let undone = |key| UndoAnswered { about: about(key), refused: None };
    let at = Moment::parse("2018-08-30T10:00:00.000+08:00").unwrap();
    let confirmed = |key| Confirmed { about: about(key), at };
    match kind {
        Kind::AssessGuarantee => Message::AssessGuarantee(AssessGuarantee {
            about: about("assess"),
            firm: firm(),
            wish: wish(),
            recommendation: "TJ-NCD-2018-0052".into(),
            reservation_id: "YL-NCD-2018-0052".into(),
            reserved_fen: Fen::new(9_600_000),
        }),
        Kind::GuaranteeAssessed => Message::GuaranteeAssessed(GuaranteeAssessed {
            about: about("assess"),
            opinion: GuaranteeOpinion::Agreed {
                amount_fen: amount(48_000_000),
                conditions: vec!["按季报送报表".into()],
            },
        }),
        Kind::WithdrawOpinion => Message::WithdrawOpinion(plain("assess")),
        Kind::GuarantorRefused => {
            Message::GuarantorRefused(AskRefused { about: about("assess"), why: AskRefusal::CharterNotAccepted })
        }
        Kind::OpinionWithdrawn => Message::OpinionWithdrawn(undone("assess")),
        Kind::ApproveCredit => Message::ApproveCredit(ApproveCredit {
            reservation_id: Some("YL-NCD-2018-0052".into()),
            about: about("approve"),
            firm: firm(),
            wish: wish(),
            conditions: vec!["按季报送报表".into()],
            credit_query_consent: "2018-1".into(),
        }),
        Kind::CreditDecided => Message::CreditDecided(CreditDecided {
            about: about("approve"),
            decision: CreditDecision::Declined { reason: CreditDecline::RelatedDebt },
        }),
        Kind::CancelApproval => Message::CancelApproval(plain("approve")),
        Kind::BankRefused => Message::BankRefused(AskRefused { about: about("approve"), why: AskRefusal::OutOfOrder }),
        Kind::ApprovalCancelled => Message::ApprovalCancelled(undone("approve")),
        Kind::SignContracts => {
            Message::SignContracts(SignContracts { about: about("contracts"), amount_fen: amount(48_000_000) })
        }
        Kind::ContractsSigned => Message::ContractsSigned(confirmed("contracts")),
        Kind::TerminateContracts => Message::TerminateContracts(plain("contracts")),
        Kind::ContractsTerminated => Message::ContractsTerminated(undone("contracts")),
        Kind::IssueLetter => Message::IssueLetter(IssueLetter {
            about: about("letter"),
            amount_fen: amount(48_000_000),
            term_months: 18,
        }),
        Kind::LetterIssued => Message::LetterIssued(LetterIssued { about: about("letter"), letter: letter() }),
        Kind::PresentLetter => Message::PresentLetter(PresentLetter { about: about("letter"), letter: letter() }),
        Kind::RevokeLetter => Message::RevokeLetter(plain("letter")),
        Kind::LetterRevoked => Message::LetterRevoked(UndoAnswered {
            about: about("letter"),
            refused: Some("已放款，不能撤销".into()),
        }),
        Kind::AskNotDisbursed => {
            Message::AskNotDisbursed(AskNotDisbursed { about: about("letter"), letter_no: "BH-NCD-2018-0052-1".into() })
        }
        Kind::NotDisbursedStated => Message::NotDisbursedStated(NotDisbursedStated {
            about: about("letter"),
            letter_no: "BH-NCD-2018-0052-1".into(),
            not_disbursed: true,
        }),
        Kind::SignLoanContract => Message::SignLoanContract(SignLoanContract {
            about: about("contract"),
            letter_no: "BH-NCD-2018-0052-1".into(),
            amount_fen: amount(48_000_000),
            term_months: 18,
            conditions: vec!["按季报送报表".into()],
        }),
        Kind::LoanContractSigned => Message::LoanContractSigned(LoanContractSigned {
            about: about("contract"),
            contract_no: "JK-NCD-2018-0052-1".into(),
        }),
        Kind::TerminateLoanContract => Message::TerminateLoanContract(plain("contract")),
        Kind::LoanContractTerminated => Message::LoanContractTerminated(undone("contract")),
        Kind::Disburse => Message::Disburse(Disburse {
            about: about("disb:NCD-2018-0052"),
            amount_fen: amount(48_000_000),
            letter_no: "BH-NCD-2018-0052-1".into(),
            reservation_id: "YL-NCD-2018-0052".into(),
            membership_verified_on: "2018-09-05".parse().unwrap(),
            rolls: Some(ApplicationId::parse("NCD-2017-0004").unwrap()),
        }),
        Kind::QueryDisbursement => Message::QueryDisbursement(QueryDisbursement { about: about("disb:NCD-2018-0052") }),
        Kind::CloseDisbursement => Message::CloseDisbursement(CloseDisbursement { about: about("disb:NCD-2018-0052") }),
        Kind::DisbursementReported => Message::DisbursementReported(DisbursementReported {
            about: about("disb:NCD-2018-0052"),
            report: DisbursementReport::Posted { receipt: receipt() },
        }),
        Kind::LoanDisbursed => Message::LoanDisbursed(LoanDisbursed {
            about: about("disb:NCD-2018-0052"),
            letter_no: "BH-NCD-2018-0052-1".into(),
            receipt: receipt(),
        }),
        Kind::LoanReversed => Message::LoanReversed(payout_reversed()),
        Kind::PayoutReversed => Message::PayoutReversed(payout_reversed()),
        Kind::ActivateLetter => {
            Message::ActivateLetter(ActivateLetter { about: about("activate"), letter_no: "BH-NCD-2018-0052-1".into() })
        }
        Kind::LetterActivated => Message::LetterActivated(confirmed("activate")),
        Kind::LoanReportedToGuarantor => Message::LoanReportedToGuarantor(loan_reported(1, received())),
        Kind::LoanReportedToUnion => Message::LoanReportedToUnion(loan_reported(1, received())),
        Kind::ProposeRelief => Message::ProposeRelief(ProposeRelief {
            about: about("propose-plan:NCD-2018-0052/R1:1"),
            no: 1,
            requested_on: day("2020-02-24"),
            reason: "未能开工，还款还息困难".into(),
        }),
        Kind::ReliefProposed => Message::ReliefProposed(ReliefProposed {
            about: about("propose-plan:NCD-2018-0052/R1:1"),
            proposal: ReliefProposal::Plan { plan: plan() },
        }),
        Kind::WithdrawReliefPlan => Message::WithdrawReliefPlan(plain("propose-plan:NCD-2018-0052/R1:1")),
        Kind::ReliefPlanWithdrawn => Message::ReliefPlanWithdrawn(undone("propose-plan:NCD-2018-0052/R1:1")),
        Kind::ConsentToRelief => Message::ConsentToRelief(ConsentToRelief {
            about: about("consent-to-plan:NCD-2018-0052/R1:1"),
            no: 1,
            plan: plan(),
        }),
        Kind::ReliefAnswered => Message::ReliefAnswered(ReliefAnswered {
            about: about("consent-to-plan:NCD-2018-0052/R1:1"),
            consent: ReliefConsent::Given { guaranteed_until: day("2020-12-16") },
        }),
        Kind::RescindConsent => Message::RescindConsent(plain("consent-to-plan:NCD-2018-0052/R1:1")),
        Kind::ConsentRescinded => Message::ConsentRescinded(undone("consent-to-plan:NCD-2018-0052/R1:1")),
        Kind::ConsentPresented => Message::ConsentPresented(ConsentPresented {
            about: about("consent-to-plan:NCD-2018-0052/R1:1"),
            plan_hash: plan().hash,
            guaranteed_until: Some(day("2020-12-16")),
        }),
        Kind::SwitchSchedule => Message::SwitchSchedule(signed_plan("switch-schedule:NCD-2018-0052/R1:1")),
        Kind::QuerySwitch => Message::QuerySwitch(plain("switch-schedule:NCD-2018-0052/R1:1")),
        Kind::CloseSwitch => Message::CloseSwitch(plain("switch-schedule:NCD-2018-0052/R1:1")),
        Kind::ScheduleSwitched => Message::ScheduleSwitched(ScheduleSwitched {
            about: about("switch-schedule:NCD-2018-0052/R1:1"),
            report: SwitchReport::Switched { on: day("2020-02-28") },
        }),
        Kind::RecordRelief => Message::RecordRelief(signed_plan("record-plan:NCD-2018-0052/R1:1")),
        Kind::SubsidyListed => Message::SubsidyListed(SubsidyListed {
            about: about("sub:2020Q2:7"),
            row: SubsidyRow {
                period: "2020Q2".parse().unwrap(),
                no: 7,
                of: 13,
                list_hash: "ab".repeat(32),
                interest_fen: Fen::new(3_900_000),
                receipts: (1..=10).collect(),
            },
        }),
        Kind::PaySubsidy => Message::PaySubsidy(PaySubsidy {
            about: about("sub:2020Q2:7:1"),
            period: "2020Q2".parse().unwrap(),
            amount_fen: amount(3_900_000),
        }),
        Kind::QuerySubsidy => Message::QuerySubsidy(plain("sub:2020Q2:7:1")),
        Kind::CloseSubsidy => Message::CloseSubsidy(plain("sub:2020Q2:7:1")),
        Kind::SubsidyReported => Message::SubsidyReported(SubsidyReported {
            about: about("sub:2020Q2:7:1"),
            report: SubsidyReport::Paid { on: day("2020-08-18"), posting_no: "TX-NCD-2018-0052-1".into() },
        }),
        Kind::SubsidyReturned => Message::SubsidyReturned(SubsidyReturned {
            about: about("sub:2020Q2:7:1"),
            on: day("2020-08-20"),
            because: "账户已销户".into(),
        }),
        Kind::ReliefRecorded => Message::ReliefRecorded(confirmed("record-plan:NCD-2018-0052/R1:1")),
        Kind::GuarantorAsksLoanReports => Message::GuarantorAsksLoanReports(reports_asked()),
        Kind::UnionAsksLoanReports => Message::UnionAsksLoanReports(reports_asked()),
        Kind::GuarantorAsksPapers => Message::GuarantorAsksPapers(papers_asked()),
        Kind::BankAsksPapers => Message::BankAsksPapers(papers_asked()),
        Kind::PaperForGuarantor => Message::PaperForGuarantor(paper_sealed()),
        Kind::PaperForBank => Message::PaperForBank(paper_sealed()),
        Kind::UnionTellsGuarantor => Message::UnionTellsGuarantor(charter_answered()),
        Kind::UnionTellsBank => Message::UnionTellsBank(charter_answered()),
        Kind::GuarantorTellsUnion => Message::GuarantorTellsUnion(charter_answered()),
        Kind::GuarantorTellsBank => Message::GuarantorTellsBank(charter_answered()),
        Kind::BankTellsUnion => Message::BankTellsUnion(charter_answered()),
        Kind::BankTellsGuarantor => Message::BankTellsGuarantor(charter_answered()),
    }
}

pub fn loan_reported(seq: u32, report: LoanReport) -> LoanReported {
    LoanReported { about: about(&format!("loan:NCD-2018-0052:{seq}")), seq, report }
}

/// The first receipt of golden value G2.
pub fn received() -> LoanReport {
    let receipt = LoanReceipt {
        no: 1,
        value_date: "2018-09-21".parse().unwrap(),
        principal_fen: Fen::ZERO,
        interest_fen: Fen::new(96_000),
        penalty_fen: Fen::ZERO,
        outstanding_fen: Fen::new(48_000_000),
    };
    LoanReport::Received { receipt }
}

fn reports_asked() -> LoanReportsAsked {
    LoanReportsAsked { about: about("loan:NCD-2018-0052"), from: 2 }
}

fn payout_reversed() -> PayoutReversed {
    PayoutReversed { about: about("reverse:disb:NCD-2018-0052"), receipt: receipt(), on: "2018-09-05".parse().unwrap() }
}

fn day(text: &str) -> domain::Date {
    text.parse().unwrap()
}

/// The software firm's plan of 2020.
fn plan() -> ReliefPlan {
    let parts_on = ["2020-04-21", "2020-05-21", "2020-06-16"].map(day).to_vec();
    let measures =
        vec![Measure::Extend { to: day("2020-06-16") }, Measure::DeferInterest { due_on: day("2020-03-21"), parts_on }];
    ReliefPlan::new("NCD-2018-0052/R1", measures, day("2020-06-16"))
}

fn signed_plan(key: &str) -> SignedPlan {
    SignedPlan { about: about(key), plan_hash: plan().hash }
}

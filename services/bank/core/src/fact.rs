//! What the bank records of its decisions, and how each changes the rows. Versioned and pinned by golden tests.

use crate::{
    Bank, IncidentKind, Row,
    case::{
        AtCore, Case, Contract, Correction, Decision, File, InSuspense, PaidOut, Payment, Released, Relief, Report,
        Returned, Reversal, Signing, StatementAsked, SubsidyPaid,
    },
    life::{self, with_loan},
    rows::{self, Loan, LoanInput, LoanState, PreparedList, SubsidyList},
    unidentified::Change,
};
use contracts::{Letter, NotPosted, ReliefPlan};
use domain::{ApplicationId, Date, Moment, subsidy::Period};
use organisation::{
    NotLoaded, Person, Row as AnyRow, Rows, charters, papers,
    participant::{self, IncidentRecord},
};
use serde::{Deserialize, Serialize};

/// A fact of the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The union's ask for a credit decision was taken up.
    TakenUp {
        /// The application.
        id: ApplicationId,
        /// What was asked.
        file: Box<File>,
    },
    /// The investigator reported.
    Reported {
        /// The application.
        id: ApplicationId,
        /// What.
        report: Report,
    },
    /// The approver sent the report back.
    ReportReturned {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// What is wrong with it.
        because: String,
    },
    /// The approver decided.
    CreditDecided {
        /// The application.
        id: ApplicationId,
        /// What.
        decision: Decision,
    },
    /// Report and decision do not stand any more.
    CreditCancelled {
        /// The application.
        id: ApplicationId,
    },
    /// The guarantor presented a letter.
    LetterPresented {
        /// The application.
        id: ApplicationId,
        /// The letter.
        letter: Letter,
    },
    /// Nothing will ever be paid out under this letter.
    LetterClosed {
        /// The application.
        id: ApplicationId,
        /// The letter.
        letter_no: String,
    },
    /// The guarantor asked for a statement that has to wait for the core-banking system.
    StatementDeferred {
        /// The application.
        id: ApplicationId,
        /// What was asked.
        statement: StatementAsked,
    },
    /// The statement was made.
    StatementMade {
        /// The application.
        id: ApplicationId,
        /// Key under which it was asked for.
        key: String,
    },
    /// A loan contract is to be signed.
    SigningBegun {
        /// The application.
        id: ApplicationId,
        /// Which.
        signing: Signing,
    },
    /// It is not to be signed any more.
    SigningDropped {
        /// The application.
        id: ApplicationId,
    },
    /// The loan contract is signed: the loan is pending.
    ContractSigned {
        /// The application.
        id: ApplicationId,
        /// The contract.
        contract: Contract,
    },
    /// The loan contract was terminated unused.
    ContractTerminated {
        /// The application.
        id: ApplicationId,
    },
    /// A payment was ordered.
    PaymentOrdered {
        /// The application.
        id: ApplicationId,
        /// Which.
        payment: Payment,
    },
    /// The maker prepared it.
    PaymentPrepared {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
    },
    /// The checker sent it back.
    PaymentReturned {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// What is wrong with it.
        because: String,
    },
    /// Every precondition held and the checker released it.
    PaymentReleased {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// Value date.
        on: Date,
    },
    /// The core-banking system has the order, or is asked about it once more.
    CoreOrdered {
        /// The application.
        id: ApplicationId,
        /// Where it stands there.
        core: AtCore,
    },
    /// The core-banking system does not know either: the union is told so, once.
    OutcomeUnknown {
        /// The application.
        id: ApplicationId,
    },
    /// The payment came to nothing, and never will.
    PaymentFailed {
        /// The application.
        id: ApplicationId,
        /// Why; none: its key was closed first.
        why: Option<NotPosted>,
    },
    /// Money has left: the loan is active.
    PaidOut {
        /// The application.
        id: ApplicationId,
        /// What.
        paid_out: PaidOut,
    },
    /// Another account was entered for money in suspense.
    CorrectionPrepared {
        /// The application.
        id: ApplicationId,
        /// By whom.
        by: Person,
        /// Token of the account in the vault.
        account: String,
    },
    /// The checker has sent it back.
    CorrectionReturned {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// What is wrong with it.
        because: String,
    },
    /// The money has left suspense for the account that was entered.
    Corrected {
        /// The application.
        id: ApplicationId,
        /// Who released it and when.
        released: Released,
    },
    /// A maker wants the pay-out reversed.
    ReversalPrepared {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// Why.
        because: String,
    },
    /// It is not reversed: the checker has sent it back, or the day is over.
    ReversalDropped {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// Why.
        because: String,
    },
    /// The pay-out is reversed: there is no loan.
    PayoutReversed {
        /// The application.
        id: ApplicationId,
        /// Who released it and when.
        released: Released,
    },
    /// The union asked for a relief plan.
    ReliefTakenUp {
        /// The application.
        id: ApplicationId,
        /// The request.
        relief: Box<Relief>,
    },
    /// A plan was proposed.
    ReliefProposed {
        /// The application.
        id: ApplicationId,
        /// Which.
        plan: ReliefPlan,
        /// By whom.
        by: Person,
    },
    /// The guarantor consented to the plan, or rescinded that.
    ReliefConsented {
        /// The application.
        id: ApplicationId,
        /// Last day of the guarantee period; none: rescinded.
        guaranteed_until: Option<Date>,
    },
    /// The borrower signed the plan: it is to come into force.
    ReliefSigned {
        /// The application.
        id: ApplicationId,
        /// Key of the order.
        key: String,
    },
    /// It is not to come into force under that key.
    ReliefUnsigned {
        /// The application.
        id: ApplicationId,
    },
    /// The request is over: its plan is in force, or there is none.
    ReliefDropped {
        /// The application.
        id: ApplicationId,
    },
    /// A loan belongs into the cut-off list of a period.
    SubsidyDue {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
    },
    /// The list of a period was prepared.
    SubsidyListPrepared {
        /// The period.
        period: Period,
        /// What.
        prepared: PreparedList,
    },
    /// The checker has sent it back.
    SubsidyListReturned {
        /// The period.
        period: Period,
        /// Who.
        by: Person,
        /// What is wrong with it.
        because: String,
    },
    /// The checker has released it.
    SubsidyListReleased {
        /// The period.
        period: Period,
        /// Who and when.
        released: Released,
    },
    /// A subsidy was paid.
    SubsidyPaid {
        /// The application.
        id: ApplicationId,
        /// What.
        paid: SubsidyPaid,
    },
    /// A subsidy came back.
    SubsidyReturned {
        /// The application.
        id: ApplicationId,
        /// The key under which it was paid.
        key: String,
        /// Who booked it, when and why.
        returned: Returned,
    },
    /// A person has to look at something.
    IncidentRaised {
        /// The application.
        id: ApplicationId,
        /// What happened.
        kind: IncidentKind,
        /// In words.
        detail: String,
        /// When.
        at: Moment,
    },
    /// Something in the life of a loan that is paid out.
    Loan(life::Fact),
    /// Papers were asked for or came.
    Papers(papers::Fact),
    /// A charter was brought forward or answered.
    Charters(charters::Fact),
    /// Money whose loan was not known came, or something was done with it.
    Money(Change),
    /// What is owed to the union, and by whom.
    #[serde(untagged)]
    Owed(Owed),
}

/// Facts about what is owed.
pub type Owed = participant::FactOf<Bank>;

/// Applies one fact.
pub(crate) fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
    match fact {
        Fact::Owed(owed) => participant::apply::<Bank>(rows, owed),
        Fact::Loan(fact) => life::apply(rows, fact),
        Fact::Papers(fact) => papers::apply::<Bank>(rows, fact),
        Fact::Charters(fact) => charters::apply::<Bank>(rows, fact),
        Fact::Money(Change::Entered(money)) => {
            rows.create(rows::unidentified(&money.reference), AnyRow::Own(Row::Unidentified(money.clone())));
            Ok(())
        }
        Fact::Money(change) => {
            if let Some(Row::Unidentified(money)) = rows.own_mut(&change.key())? {
                change.apply(money);
            }
            Ok(())
        }
        Fact::TakenUp { id, file } => with(rows, id, |case| {
            case.file = Some((**file).clone());
            case.report = None;
            case.decision = None;
        }),
        Fact::Reported { id, report } => with(rows, id, |case| case.report = Some(report.clone())),
        Fact::ReportReturned { id, .. } => with(rows, id, |case| case.report = None),
        Fact::CreditDecided { id, decision } => with(rows, id, |case| case.decision = Some(decision.clone())),
        Fact::CreditCancelled { id } => with(rows, id, |case| {
            case.report = None;
            case.decision = None;
        }),
        Fact::LetterPresented { id, letter } => with(rows, id, |case| case.letter = Some(letter.clone())),
        Fact::LetterClosed { id, letter_no } => with(rows, id, |case| {
            case.closed_letters.insert(letter_no.clone());
            case.letter.take_if(|letter| letter.letter_no == *letter_no);
        }),
        Fact::StatementDeferred { id, statement } => with(rows, id, |case| {
            case.statements.insert(statement.about.key.clone(), statement.clone());
        }),
        Fact::StatementMade { id, key } => with(rows, id, |case| {
            case.statements.remove(key);
        }),
        Fact::SigningBegun { id, signing } => with(rows, id, |case| case.signing = Some(signing.clone())),
        Fact::SigningDropped { id } => with(rows, id, |case| case.signing = None),
        Fact::ContractSigned { id, contract } => {
            with(rows, id, |case| {
                case.signing = None;
                case.contract = Some(contract.clone());
                case.contracts_signed = case.contracts_signed.saturating_add(1);
            })?;
            let uscc = case(rows, id)?.and_then(|case| Some(case.file.as_ref()?.firm.uscc.to_string()));
            let loan = Loan {
                application_id: id.clone(),
                uscc: uscc.unwrap_or_default(),
                contract_no: contract.contract_no.clone(),
                letter_no: contract.letter_no.clone(),
                amount_fen: contract.terms.amount_fen,
                rate_ppm: contract.terms.rate_ppm,
                method: contract.terms.method,
                term_months: contract.term_months,
                state: LoanState::Pending,
                receipt: None,
                life: None,
            };
            rows.put(rows::loan(id), AnyRow::Own(Row::Loan(Box::new(loan))))
        }
        Fact::ContractTerminated { id } => {
            with(rows, id, |case| case.contract = None)?;
            loan_goes(rows, id, LoanInput::Terminated)
        }
        Fact::PaymentOrdered { id, payment } => with(rows, id, |case| {
            case.payment = Some(payment.clone());
            case.payments_ordered = case.payments_ordered.saturating_add(1);
        }),
        Fact::PaymentPrepared { id, by } => payment(rows, id, |payment| payment.prepared_by = Some(by.clone())),
        Fact::PaymentReturned { id, .. } => payment(rows, id, |payment| payment.prepared_by = None),
        Fact::PaymentReleased { id, by, on } => {
            payment(rows, id, |payment| payment.released = Some(Released { by: by.clone(), on: *on }))
        }
        Fact::CoreOrdered { id, core } => payment(rows, id, |payment| payment.core = Some(core.clone())),
        Fact::OutcomeUnknown { id } => payment(rows, id, |payment| {
            if let Some(core) = &mut payment.core {
                core.unknown_reported = true;
            }
        }),
        Fact::PaymentFailed { id, .. } => with(rows, id, |case| case.payment = None),
        Fact::PaidOut { id, paid_out } => {
            with(rows, id, |case| {
                case.payment = None;
                case.paid_out = Some(paid_out.clone());
            })?;
            with_loan(rows, id, |loan| loan.receipt = Some(paid_out.receipt.clone()))?;
            loan_goes(rows, id, LoanInput::PaidOut)
        }
        Fact::CorrectionPrepared { id, by, account } => in_suspense(rows, id, |suspense| {
            suspense.prepared = Some(Correction { by: by.clone(), account: account.clone() });
        }),
        Fact::CorrectionReturned { id, .. } => in_suspense(rows, id, |suspense| suspense.prepared = None),
        Fact::Corrected { id, released } => {
            in_suspense(rows, id, |suspense| suspense.released = Some(released.clone()))
        }
        Fact::ReversalPrepared { id, by, because } => paid_out(rows, id, |paid_out| {
            let (prepared_by, because) = (by.clone(), because.clone());
            paid_out.reversal = Some(Reversal { prepared_by, because, released: None });
        }),
        Fact::ReversalDropped { id, .. } => paid_out(rows, id, |paid_out| paid_out.reversal = None),
        Fact::PayoutReversed { id, released } => {
            paid_out(rows, id, |paid_out| {
                if let Some(reversal) = &mut paid_out.reversal {
                    reversal.released = Some(released.clone());
                }
            })?;
            loan_goes(rows, id, LoanInput::Reversed)
        }
        Fact::ReliefTakenUp { id, relief } => with(rows, id, |case| case.relief = Some(Relief::clone(relief))),
        Fact::ReliefProposed { id, plan, by } => with_relief(rows, id, |relief| {
            relief.plan = Some(plan.clone());
            relief.proposed_by = Some(by.clone());
        }),
        Fact::ReliefConsented { id, guaranteed_until } => {
            with_relief(rows, id, |relief| relief.guaranteed_until = *guaranteed_until)
        }
        Fact::ReliefSigned { id, key } => with_relief(rows, id, |relief| relief.signed = Some(key.clone())),
        Fact::ReliefUnsigned { id } => with_relief(rows, id, |relief| relief.signed = None),
        Fact::ReliefDropped { id } => with(rows, id, |case| case.relief = None),
        Fact::SubsidyDue { id, period } => list(rows, *period, |list| list.loans.push(id.clone())),
        Fact::SubsidyListPrepared { period, prepared } => {
            list(rows, *period, |list| list.prepared = Some(prepared.clone()))
        }
        Fact::SubsidyListReturned { period, .. } => list(rows, *period, |list| list.prepared = None),
        Fact::SubsidyListReleased { period, released } => {
            list(rows, *period, |list| list.released = Some(released.clone()))
        }
        Fact::SubsidyPaid { id, paid } => with(rows, id, |case| case.subsidies.push(paid.clone())),
        Fact::SubsidyReturned { id, key, returned } => with(rows, id, |case| {
            if let Some(paid) = case.subsidies.iter_mut().find(|paid| paid.key == *key) {
                paid.returned = Some(returned.clone());
            }
        }),
        Fact::IncidentRaised { id, kind, detail, at } => with(rows, id, |case| {
            case.incidents.push(IncidentRecord { kind: *kind, detail: detail.clone(), at: *at, resolved: None });
            // The person is called: that timer is spent.
            if *kind == IncidentKind::UnknownTooLong
                && let Some(core) = case.payment.as_mut().and_then(|payment| payment.core.as_mut())
            {
                core.person_at = None;
            }
        }),
    }
}

fn case<'r>(rows: &'r Rows<Row>, id: &ApplicationId) -> Result<Option<&'r Case>, NotLoaded> {
    Ok(match rows.own(&rows::case(id))? {
        Some(Row::Case(case)) => Some(case),
        _ => None,
    })
}

fn with(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Case)) -> Result<(), NotLoaded> {
    participant::change::<Bank>(rows, id, change)
}

fn payment(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Payment)) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(payment) = &mut case.payment {
            change(payment);
        }
    })
}

/// What does not fit was refused before it was recorded.
fn loan_goes(rows: &mut Rows<Row>, id: &ApplicationId, input: LoanInput) -> Result<(), NotLoaded> {
    with_loan(rows, id, |loan| loan.state = loan.state.on(input).unwrap_or(loan.state))
}

fn paid_out(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut PaidOut)) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(paid_out) = &mut case.paid_out {
            change(paid_out);
        }
    })
}

fn list(rows: &mut Rows<Row>, period: Period, change: impl FnOnce(&mut SubsidyList)) -> Result<(), NotLoaded> {
    let key = rows::subsidy_list(period);
    let mut list = match rows.own(&key)? {
        Some(Row::SubsidyList(list)) => list.clone(),
        _ => Box::new(SubsidyList { period, loans: Vec::new(), prepared: None, released: None }),
    };
    change(&mut list);
    rows.put(key, AnyRow::Own(Row::SubsidyList(list)))
}

fn with_relief(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Relief)) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(relief) = &mut case.relief {
            change(relief);
        }
    })
}

fn in_suspense(
    rows: &mut Rows<Row>,
    id: &ApplicationId,
    change: impl FnOnce(&mut InSuspense),
) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(suspense) = case.paid_out.as_mut().and_then(|paid_out| paid_out.in_suspense.as_mut()) {
            change(suspense);
        }
    })
}

//! What the union records of its decisions, and how each changes the rows. Versioned and pinned by golden tests.

use crate::{
    Reason, Role, Row, Union,
    application::{
        Application, ApplicationState, Approval, Archived, Disputed, DisputedAnswer, Evidence, Green, Opinion,
        Recommendation, Reservation, ReservationInput, WaitsForOld,
    },
    consultation::{Consultation, ConsultationsRow},
    decide::state,
    programme::{Decided, ProgrammeRow, Proposal},
    relief::{How, Over, Relief},
    rows::{self, Drawn, FirmRow, FundRow, MemberRow, NumbersRow, UnitRow},
    subsidy::{Claim, Payment, Returned},
    ticket::{Change, Ticket, TicketId},
};
use contracts::{DisbursementReceipt, Letter, LoanReport, ReliefPlan, SubsidyRow};
use domain::{Amount, ApplicationId, Date, Fen, Moment, subsidy::Period};
use organisation::{Key, NotLoaded, Person, Row as AnyRow, Rows, charters, papers};
use saga::{Ending, Notice, Phase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A fact of the union.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The saga moved.
    Saga {
        /// The application.
        id: ApplicationId,
        /// How.
        fact: saga::Fact<Role, Reason>,
    },
    /// An application was filed under the next number of its year.
    Filed(Box<Application>),
    /// An officer put it into the green channel: its check begins anew there.
    PutIntoGreen {
        /// The application.
        id: ApplicationId,
        /// How.
        green: Green,
    },
    /// It was not paid out in time, and goes on as STANDARD.
    LeftGreen {
        /// The application.
        id: ApplicationId,
        /// The day.
        on: Date,
        /// Its check was not done in time, and begins anew there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// The next number of the year is the one behind this one: who knows those before it is not known here.
    NumbersSkipped {
        /// The year.
        year: u16,
        /// The last number skipped.
        last: u32,
    },
    /// A member of the register was written.
    MemberLoaded {
        /// Pseudonym.
        member: String,
        /// Days on which it holds.
        spans: Vec<(Date, Option<Date>)>,
    },
    /// A member of a primary union was written.
    UnitLoaded {
        /// Number of the union.
        unit: String,
        /// Pseudonym of the member.
        member: String,
        /// Days on which it holds.
        spans: Vec<(Date, Option<Date>)>,
    },
    /// The firm's one open application.
    FirmLocked {
        /// The firm.
        uscc: String,
        /// Its application.
        id: ApplicationId,
    },
    /// The firm may file again.
    FirmUnlocked {
        /// The firm.
        uscc: String,
    },
    /// Found eligible on dated evidence.
    Recommended {
        /// The application.
        id: ApplicationId,
        /// The evidence.
        recommendation: Recommendation,
    },
    /// The recommendation does not stand any more.
    RecommendationVoided {
        /// The application.
        id: ApplicationId,
    },
    /// Membership holds on a later day too.
    MembershipConfirmed {
        /// The application.
        id: ApplicationId,
        /// The day.
        on: Date,
    },
    /// The fund is short: the application waits at the end of the queue.
    Queued {
        /// The application.
        id: ApplicationId,
    },
    /// Who waits for its reservation waits because lending is suspended, or no longer because of that.
    WaitsForProgramme {
        /// The application.
        id: ApplicationId,
        /// Whether lending is suspended.
        suspended: bool,
    },
    /// It does not wait any more.
    LeftQueue {
        /// The application.
        id: ApplicationId,
    },
    /// A share of the fund is held.
    Reserved {
        /// The application.
        id: ApplicationId,
        /// The reservation.
        reservation: Reservation,
    },
    /// A smaller amount was approved: the reservation shrinks with it.
    ReservationShrunk {
        /// The application.
        id: ApplicationId,
        /// Principal it covers now, fen.
        exposure_fen: Amount,
        /// Share of the fund it holds now, fen.
        reserved_fen: Fen,
    },
    /// The reservation is given back.
    ReservationReleased {
        /// The application.
        id: ApplicationId,
    },
    /// The bank has reversed the pay-out on its own day: the firm has no loan.
    PayoutReversed {
        /// The application.
        id: ApplicationId,
        /// When.
        on: Date,
    },
    /// Whether the pay-out waits for the loan that it renews.
    WaitsForOldLoan {
        /// The application.
        id: ApplicationId,
        /// Until when; none: it goes on.
        waits_for: Option<WaitsForOld>,
    },
    /// The bank has reported an event in the life of the loan; it waits for its turn.
    LoanReportKept {
        /// The application.
        id: ApplicationId,
        /// Its number.
        seq: u32,
        /// What happened.
        report: LoanReport,
    },
    /// It was the report's turn.
    LoanReportTaken {
        /// The application.
        id: ApplicationId,
        /// Its number.
        seq: u32,
        /// Whether it follows from those before; if not, it counts for nothing.
        fits: bool,
    },
    /// Principal was paid back, or a receipt reversed: the reservation goes with it.
    ReservationRecut {
        /// The application.
        id: ApplicationId,
        /// Principal that is still owed, fen.
        outstanding_fen: Fen,
        /// Share of the fund it holds now, fen.
        reserved_fen: Fen,
    },
    /// A borrower asked for relief.
    ReliefRequested {
        /// The application.
        id: ApplicationId,
        /// The request.
        relief: Box<Relief>,
    },
    /// The saga of a request for relief moved.
    ReliefSaga {
        /// The application.
        id: ApplicationId,
        /// The request's number.
        no: u32,
        /// How.
        fact: saga::Fact<Role, Reason>,
    },
    /// The bank proposed a plan.
    ReliefPlanned {
        /// The application.
        id: ApplicationId,
        /// The request's number.
        no: u32,
        /// Which.
        plan: ReliefPlan,
    },
    /// The guarantor consented to it.
    ReliefConsented {
        /// The application.
        id: ApplicationId,
        /// The request's number.
        no: u32,
        /// Last day of the guarantee period under it.
        guaranteed_until: Date,
    },
    /// The bank put the plan into force; one before it is superseded.
    ReliefInForce {
        /// The application.
        id: ApplicationId,
        /// The request's number.
        no: u32,
        /// Since when.
        on: Date,
    },
    /// The plan was kept or broken.
    ReliefOver {
        /// The application.
        id: ApplicationId,
        /// The request's number.
        no: u32,
        /// How and when.
        over: Over,
    },
    /// The reservation covers the loan until another day.
    ReservationCovers {
        /// The application.
        id: ApplicationId,
        /// The day; none: that of the contract.
        until: Option<Date>,
    },
    /// A borrower claimed the interest of a period.
    SubsidyClaimed {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// When.
        at: Moment,
        /// The numbers of the receipts handed in.
        vouchers: BTreeSet<u32>,
        /// It came after the cut-off, on this day: rejected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late_on: Option<Date>,
    },
    /// The bank listed the loan.
    SubsidyCompiled {
        /// The application.
        id: ApplicationId,
        /// The row.
        row: SubsidyRow,
    },
    /// A saga of a claim begins.
    SubsidyBegun {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
    },
    /// The saga of a claim moved.
    SubsidySaga {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// How.
        fact: saga::Fact<Role, Reason>,
    },
    /// The checker asked the borrower something.
    SubsidyQueried {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// What.
        because: String,
    },
    /// The borrower answered.
    SubsidyAnswered {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// The numbers of further receipts.
        vouchers: BTreeSet<u32>,
    },
    /// The checker passed the claim.
    SubsidyPassed {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// How much is paid, fen.
        amount_fen: Amount,
        /// On which day at the earliest.
        pay_on: Date,
    },
    /// The pass does not stand any more.
    SubsidyVoided {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
    },
    /// The account holds so much for a claim, or not any more.
    SubsidyEncumbered {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// Whether it does.
        encumbered: bool,
    },
    /// A claim waits for more money, or not any more.
    SubsidyWaits {
        /// The application.
        id: ApplicationId,
        /// Whether it does.
        waits: bool,
    },
    /// The bank paid a claim.
    SubsidyPaid {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// What.
        payment: Payment,
    },
    /// A payment came back.
    SubsidyCameBack {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// The key under which it was paid.
        key: String,
        /// When and why.
        returned: Returned,
    },
    /// The borrower has another account.
    SubsidyAccountCorrected {
        /// The application.
        id: ApplicationId,
        /// The period.
        period: Period,
        /// Token of the account in the vault.
        account: String,
    },
    /// The old loan that the reservation counts on is smaller, and what it lets go of is held here; or larger.
    ReservationRolls {
        /// The application.
        id: ApplicationId,
        /// Principal of the old loan that the fund stands behind still, fen.
        rolls: Fen,
        /// Share of the fund it holds now, fen.
        reserved_fen: Fen,
    },
    /// The reservation stands behind a loan.
    ReservationCommitted {
        /// The application.
        id: ApplicationId,
    },
    /// The applicant is told of the pay-out, and the file is in the archive.
    Archived {
        /// The application.
        id: ApplicationId,
        /// Where.
        archived: Archived,
    },
    /// The guarantor agreed.
    OpinionGiven {
        /// The application.
        id: ApplicationId,
        /// To what.
        opinion: Opinion,
    },
    /// The bank approved.
    CreditApproved {
        /// The application.
        id: ApplicationId,
        /// What.
        approval: Approval,
    },
    /// The guarantor issued a letter.
    LetterNoted {
        /// The application.
        id: ApplicationId,
        /// The letter.
        letter: Letter,
    },
    /// The bank signed the loan contract.
    ContractNoted {
        /// The application.
        id: ApplicationId,
        /// Its number.
        contract_no: String,
    },
    /// The bank paid out.
    Disbursed {
        /// The application.
        id: ApplicationId,
        /// The receipt.
        receipt: DisbursementReceipt,
    },
    /// Somebody proposed what concerns the programme as a whole.
    ControlProposed(Proposal),
    /// The proposal is taken back.
    ProposalDropped {
        /// Its number.
        number: u32,
        /// Who took it back.
        by: Person,
        /// Why.
        because: String,
    },
    /// Another person confirmed it.
    ControlDecided(Decided),
    /// The programme is suspended: the application waits before its pay-out.
    PutOnHold {
        /// The application.
        id: ApplicationId,
    },
    /// The bank said of the pay-out what excludes the rest; it changes nothing.
    ReportDisputed {
        /// The application.
        id: ApplicationId,
        /// What it said.
        disputed: Disputed,
    },
    /// A partner answered what does not fit what it was asked; it changes nothing.
    AnswerDisputed {
        /// The application.
        id: ApplicationId,
        /// The step that asked.
        step: String,
        /// What it answered.
        answer: DisputedAnswer,
    },
    /// The register was looked at.
    MembershipLookedUp {
        /// The application.
        id: ApplicationId,
        /// What it said.
        evidence: Evidence,
    },
    /// A call of the hotline was taken under the next number of its year.
    TicketReceived(Box<Ticket>),
    /// Something was done with a ticket.
    TicketChanged {
        /// The ticket.
        id: TicketId,
        /// What.
        change: Box<Change>,
    },
    /// Whoever has it was reminded.
    TicketReminded {
        /// The ticket.
        id: TicketId,
        /// The task.
        task: String,
        /// How much of its time has gone.
        notice: Notice,
    },
    /// As [`Fact::NumbersSkipped`], of tickets.
    TicketNumbersSkipped {
        /// The year.
        year: u16,
        /// The last number skipped.
        last: u32,
    },
    /// A consultation was recorded.
    Consulted(Consultation),
    /// Papers were handed in, asked for or sent.
    Papers(papers::Fact),
    /// A charter was brought forward or answered.
    Charters(charters::Fact),
}

/// Applies one fact.
pub(crate) fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
    match fact {
        Fact::Papers(fact) => papers::apply::<Union>(rows, fact),
        Fact::Charters(fact) => charters::apply::<Union>(rows, fact),
        Fact::Saga { id, fact } => with(rows, id, |application| {
            let before = match state(application) {
                ApplicationState::Disbursing => ApplicationState::Ready,
                before => before,
            };
            application.run.apply(fact);
            application.turned_back_at = match &application.run.phase {
                Phase::NotStarted | Phase::Forward | Phase::Ended { ending: Ending::Completed } => None,
                Phase::Unwinding { .. } | Phase::Ended { .. } => application.turned_back_at.or(Some(before)),
            };
        }),
        Fact::Filed(application) => {
            let (year, last) = (application.id.year(), application.id.number());
            put(rows, rows::numbers(), Row::Numbers(NumbersRow { year, last }))?;
            rows.create(rows::application(&application.id), AnyRow::Own(Row::Application(application.clone())));
            Ok(())
        }
        Fact::PutIntoGreen { id, green } => with(rows, id, |application| {
            application.green = Some(green.clone());
            application.run = saga::Run::default();
        }),
        Fact::LeftGreen { id, on, anew } => with(rows, id, |application| {
            if let Some(green) = &mut application.green {
                green.left_on = Some(*on);
            }
            if *anew {
                application.run = saga::Run::default();
            }
        }),
        Fact::NumbersSkipped { year, last } => {
            put(rows, rows::numbers(), Row::Numbers(NumbersRow { year: *year, last: *last }))
        }
        Fact::TicketReceived(ticket) => {
            let (year, last) = (ticket.id.year(), ticket.id.number());
            put(rows, rows::ticket_numbers(), Row::Numbers(NumbersRow { year, last }))?;
            rows.create(rows::ticket(&ticket.id), AnyRow::Own(Row::Ticket(ticket.clone())));
            about(rows, &ticket.id, None, ticket.call.application_id.as_ref())
        }
        Fact::TicketChanged { id, change } => {
            let mut before = None;
            if let Some(Row::Ticket(ticket)) = rows.own_mut(&rows::ticket(id))? {
                before.clone_from(&ticket.call.application_id);
                ticket.apply(change);
            }
            about(rows, id, before.as_ref(), change.done.act.application_id())
        }
        Fact::TicketReminded { id, task, notice } => {
            if let Some(Row::Ticket(ticket)) = rows.own_mut(&rows::ticket(id))? {
                ticket.remind(task, *notice);
            }
            Ok(())
        }
        Fact::TicketNumbersSkipped { year, last } => {
            put(rows, rows::ticket_numbers(), Row::Numbers(NumbersRow { year: *year, last: *last }))
        }
        Fact::Consulted(one) => {
            let key = rows::consultations(one.on);
            let mut row = match rows.own(&key)? {
                Some(Row::Consultations(row)) => row.clone(),
                _ => ConsultationsRow::of(one.on),
            };
            row.count(one);
            put(rows, key, Row::Consultations(row))
        }
        Fact::MemberLoaded { member, spans } => {
            put(rows, rows::member(member), Row::Member(MemberRow { spans: spans.clone() }))
        }
        Fact::UnitLoaded { unit, member, spans } => {
            let key = rows::unit(unit);
            let mut row = match rows.own(&key)? {
                Some(Row::Unit(row)) => row.clone(),
                _ => UnitRow::default(),
            };
            row.members.insert(member.clone(), spans.clone());
            put(rows, key, Row::Unit(row))
        }
        Fact::FirmLocked { uscc, id } => firm(rows, uscc, |firm| firm.open = Some(id.clone())),
        Fact::FirmUnlocked { uscc } => firm(rows, uscc, |firm| firm.open = None),
        Fact::Recommended { id, recommendation } => {
            with(rows, id, |application| application.recommendation = Some(recommendation.clone()))
        }
        Fact::RecommendationVoided { id } => with(rows, id, |application| application.recommendation = None),
        Fact::MembershipConfirmed { id, on } => with(rows, id, |application| {
            if let Some(recommendation) = &mut application.recommendation {
                recommendation.verified_on = *on;
            }
        }),
        Fact::MembershipLookedUp { id, evidence } => {
            with(rows, id, |application| application.membership.push(*evidence))
        }
        Fact::Queued { id } => fund(rows, |fund| fund.queue.push(id.clone())),
        Fact::WaitsForProgramme { id, suspended } => {
            with(rows, id, |application| application.waits_for_programme = *suspended)
        }
        Fact::LeftQueue { id } => {
            with(rows, id, |application| application.waits_for_programme = false)?;
            fund(rows, |fund| fund.queue.retain(|waiting| waiting != id))
        }
        Fact::Reserved { id, reservation } => {
            with(rows, id, |application| application.reservation = Some(reservation.clone()))?;
            fund(rows, |fund| fund.add(reservation.exposed()))
        }
        Fact::ReservationShrunk { id, exposure_fen, reserved_fen } => exposes(rows, id, |reservation| {
            reservation.exposure_fen = *exposure_fen;
            reservation.reserved_fen = *reserved_fen;
        }),
        Fact::ReservationRolls { id, rolls, reserved_fen } => exposes(rows, id, |reservation| {
            reservation.rolls = Some(*rolls);
            reservation.reserved_fen = *reserved_fen;
        }),
        Fact::ReservationReleased { id } => {
            let mut before = Fen::ZERO;
            with(rows, id, |application| {
                if let Some(reservation) = &mut application.reservation {
                    before = reservation.exposed();
                    reservation.state = reservation.state.on(ReservationInput::Release).unwrap_or(reservation.state);
                }
            })?;
            fund(rows, |fund| fund.subtract(before))
        }
        Fact::ReservationRecut { id, outstanding_fen, reserved_fen } => exposes(rows, id, |reservation| {
            reservation.outstanding_fen = Some(*outstanding_fen);
            reservation.reserved_fen = *reserved_fen;
        }),
        Fact::WaitsForOldLoan { id, waits_for } => with(rows, id, |application| application.waits_for_old = *waits_for),
        Fact::LoanReportKept { id, seq, report } => {
            with(rows, id, |application| application.life.followed.keep(*seq, report.clone()))
        }
        Fact::LoanReportTaken { id, fits, .. } => {
            let (mut uscc, mut overdue, mut settled_on, mut maturity_on) = (String::new(), false, None, None);
            with(rows, id, |application| {
                application.life.take(*fits);
                uscc = application.firm.uscc.to_string();
                overdue = application.life.overdue_since.is_some();
                settled_on = application.life.settled.map(|settled| settled.on);
                maturity_on = application.life.schedule.as_ref().map(|schedule| schedule.maturity_on);
            })?;
            firm(rows, &uscc, |firm| {
                for loan in firm.drawn.iter_mut().filter(|loan| loan.id == *id) {
                    (loan.overdue, loan.settled_on) = (overdue, settled_on);
                    loan.maturity_on = maturity_on.unwrap_or(loan.maturity_on);
                }
                firm.live_loan.take_if(|live| live == id && settled_on.is_some());
            })
        }
        Fact::ReliefRequested { id, relief } => {
            with(rows, id, |application| application.reliefs.push(Relief::clone(relief)))
        }
        Fact::ReliefSaga { id, no, fact } => with_relief(rows, id, *no, |relief| relief.run.apply(fact)),
        Fact::ReliefPlanned { id, no, plan } => with_relief(rows, id, *no, |relief| relief.plan = Some(plan.clone())),
        Fact::ReliefConsented { id, no, guaranteed_until } => {
            with_relief(rows, id, *no, |relief| relief.guaranteed_until = Some(*guaranteed_until))
        }
        Fact::ReliefInForce { id, no, on } => {
            with(rows, id, |application| {
                let earlier = application.reliefs.iter_mut().filter(|one| one.no < *no);
                for relief in earlier.filter(|one| one.in_force_on.is_some() && one.over.is_none()) {
                    relief.over = Some(Over { on: *on, how: How::Superseded });
                }
            })?;
            with_relief(rows, id, *no, |relief| relief.in_force_on = Some(*on))
        }
        Fact::ReliefOver { id, no, over } => with_relief(rows, id, *no, |relief| relief.over = Some(*over)),
        Fact::ReservationCovers { id, until } => with(rows, id, |application| {
            if let Some(reservation) = &mut application.reservation {
                reservation.covers_until = *until;
            }
        }),
        Fact::SubsidyClaimed { id, period, at, vouchers, late_on } => with_claim(rows, id, *period, |claim| {
            claim.filed_at = Some(*at);
            claim.vouchers.clone_from(vouchers);
            claim.late_on = *late_on;
        }),
        Fact::SubsidyCompiled { id, row } => with_claim(rows, id, row.period, |claim| claim.row = Some(row.clone())),
        Fact::SubsidyBegun { id, period } => {
            with_claim(rows, id, *period, |claim| claim.runs.push(saga::Run::default()))
        }
        Fact::SubsidySaga { id, period, fact } => with_claim(rows, id, *period, |claim| {
            if let Some(run) = claim.runs.last_mut() {
                run.apply(fact);
            }
        }),
        Fact::SubsidyQueried { id, period, because } => {
            with_claim(rows, id, *period, |claim| claim.query = Some(because.clone()))
        }
        Fact::SubsidyAnswered { id, period, vouchers } => with_claim(rows, id, *period, |claim| {
            claim.query = None;
            claim.vouchers.extend(vouchers);
        }),
        Fact::SubsidyPassed { id, period, amount_fen, pay_on } => with_claim(rows, id, *period, |claim| {
            claim.query = None;
            claim.amount_fen = Some(*amount_fen);
            claim.pay_on = Some(*pay_on);
        }),
        Fact::SubsidyVoided { id, period } => with_claim(rows, id, *period, |claim| claim.amount_fen = None),
        Fact::SubsidyEncumbered { id, period, encumbered } => {
            with_claim(rows, id, *period, |claim| claim.encumbered = *encumbered)
        }
        Fact::SubsidyWaits { id, waits } => fund(rows, |fund| {
            fund.subsidies_wait.retain(|waiting| waiting != id);
            if *waits {
                fund.subsidies_wait.push(id.clone());
            }
        }),
        Fact::SubsidyPaid { id, period, payment } => {
            with_claim(rows, id, *period, |claim| claim.payments.push(payment.clone()))
        }
        Fact::SubsidyCameBack { id, period, key, returned } => with_claim(rows, id, *period, |claim| {
            if let Some(payment) = claim.payments.iter_mut().find(|payment| payment.key == *key) {
                payment.returned = Some(returned.clone());
            }
        }),
        Fact::SubsidyAccountCorrected { id, period, account } => {
            with_claim(rows, id, *period, |claim| claim.account = Some(account.clone()))
        }
        Fact::ReservationCommitted { id } => with(rows, id, |application| {
            if let Some(reservation) = &mut application.reservation {
                reservation.state = reservation.state.on(reservation.commitment()).unwrap_or(reservation.state);
            }
        }),
        Fact::Archived { id, archived } => with(rows, id, |application| application.archived = Some(archived.clone())),
        Fact::OpinionGiven { id, opinion } => with(rows, id, |application| application.opinion = Some(opinion.clone())),
        Fact::CreditApproved { id, approval } => {
            with(rows, id, |application| application.approval = Some(approval.clone()))
        }
        Fact::LetterNoted { id, letter } => with(rows, id, |application| application.letter = Some(letter.clone())),
        Fact::ContractNoted { id, contract_no } => {
            with(rows, id, |application| application.contract_no = Some(contract_no.clone()))
        }
        Fact::ControlProposed(proposal) => programme(rows, |row| row.propose(proposal.clone())),
        Fact::ProposalDropped { .. } => programme(rows, |row| row.proposal = None),
        Fact::ControlDecided(decided) => programme(rows, |row| row.decide(decided.clone())),
        Fact::PutOnHold { id } => programme(rows, |row| row.on_hold.push(id.clone())),
        Fact::ReportDisputed { id, disputed } => {
            with(rows, id, |application| application.disputed.push(disputed.clone()))
        }
        Fact::AnswerDisputed { id, answer, .. } => {
            with(rows, id, |application| application.disputed_answers.push(answer.clone()))
        }
        Fact::PayoutReversed { id, on } => {
            let mut uscc = String::new();
            let mut was_locked = false;
            with(rows, id, |application| {
                application.reversed_on = Some(*on);
                was_locked = application.receipt.is_some();
                uscc = application.firm.uscc.to_string();
            })?;
            if !was_locked {
                return Ok(());
            }
            firm(rows, &uscc, |firm| {
                firm.live_loan = None;
                firm.loans = firm.loans.saturating_sub(1);
                firm.drawn.retain(|loan| loan.id != *id);
            })
        }
        Fact::Disbursed { id, receipt } => {
            let mut uscc = String::new();
            let mut is_reversed = false;
            with(rows, id, |application| {
                application.receipt = Some(receipt.clone());
                is_reversed = application.reversed_on.is_some();
                uscc = application.firm.uscc.to_string();
            })?;
            if is_reversed {
                return Ok(());
            }
            firm(rows, &uscc, |firm| {
                firm.live_loan = Some(id.clone());
                firm.loans += 1;
                let (id, maturity_on) = (id.clone(), receipt.maturity_on);
                firm.drawn.push(Drawn { id, maturity_on, overdue: false, settled_on: None });
            })
        }
    }
}

/// A ticket is about another application from now on, or about one at last; without one it stays as it is.
fn about(
    rows: &mut Rows<Row>,
    ticket: &TicketId,
    before: Option<&ApplicationId>,
    now: Option<&ApplicationId>,
) -> Result<(), NotLoaded> {
    let Some(now) = now else { return Ok(()) };
    if let Some(before) = before {
        with(rows, before, |application| {
            application.tickets.remove(ticket);
        })?;
    }
    with(rows, now, |application| {
        application.tickets.insert(*ticket);
    })
}

fn put(rows: &mut Rows<Row>, key: Key, row: Row) -> Result<(), NotLoaded> {
    rows.put(key, AnyRow::Own(row))
}

fn with(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Application)) -> Result<(), NotLoaded> {
    if let Some(Row::Application(application)) = rows.own_mut(&rows::application(id))? {
        change(application);
    }
    Ok(())
}

/// Changes a reservation, and with it what the fund guarantees.
fn exposes(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Reservation)) -> Result<(), NotLoaded> {
    let (mut before, mut after) = (Fen::ZERO, Fen::ZERO);
    with(rows, id, |application| {
        if let Some(reservation) = &mut application.reservation {
            before = reservation.exposed();
            change(reservation);
            after = reservation.exposed();
        }
    })?;
    fund(rows, |fund| {
        fund.subtract(before);
        fund.add(after);
    })
}

fn with_claim(
    rows: &mut Rows<Row>,
    id: &ApplicationId,
    period: Period,
    change: impl FnOnce(&mut Claim),
) -> Result<(), NotLoaded> {
    with(rows, id, |application| change(Claim::of(&mut application.claims, period)))
}

fn with_relief(
    rows: &mut Rows<Row>,
    id: &ApplicationId,
    no: u32,
    change: impl FnOnce(&mut Relief),
) -> Result<(), NotLoaded> {
    with(rows, id, |application| {
        if let Some(relief) = application.reliefs.iter_mut().find(|relief| relief.no == no) {
            change(relief);
        }
    })
}

fn firm(rows: &mut Rows<Row>, uscc: &str, change: impl FnOnce(&mut FirmRow)) -> Result<(), NotLoaded> {
    let key = rows::firm(uscc);
    let mut row = match rows.own(&key)? {
        Some(Row::Firm(row)) => row.clone(),
        _ => FirmRow::default(),
    };
    change(&mut row);
    put(rows, key, Row::Firm(row))
}

fn programme(rows: &mut Rows<Row>, change: impl FnOnce(&mut ProgrammeRow)) -> Result<(), NotLoaded> {
    let key = rows::programme();
    let mut row = match rows.own(&key)? {
        Some(Row::Programme(row)) => row.clone(),
        _ => ProgrammeRow::default(),
    };
    change(&mut row);
    put(rows, key, Row::Programme(row))
}

fn fund(rows: &mut Rows<Row>, change: impl FnOnce(&mut FundRow)) -> Result<(), NotLoaded> {
    let key = rows::fund();
    let mut row = match rows.own(&key)? {
        Some(Row::Fund(row)) => row.clone(),
        _ => FundRow::default(),
    };
    change(&mut row);
    put(rows, key, Row::Fund(row))
}

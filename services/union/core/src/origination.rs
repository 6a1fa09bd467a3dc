//! The saga of origination (DOMAIN.md section 2, S1), and what each of its steps does at the union.
//!
//! This is the place to read how an application travels, and to change it: the definition first, the steps below in the
//! same order. Everything here is decided by the union; what the partners do is theirs.

use crate::{
    Fact, Reason, Role, Row, Union,
    application::{Application, Archived, Evidence, Occasion, Recommendation},
    fund, programme, renewal, rows,
    vocabulary::IntakeRejection,
};
use contracts::{
    About, ActivateLetter, ApproveCredit, AssessGuarantee, CloseDisbursement, Disburse, IssueLetter, Message, Plain,
    QueryDisbursement, SignContracts, SignLoanContract, Wish,
};
use domain::{Amount, ApplicationId, Calendar, Charter, Date, Moment, Party, Term};
use organisation::{Desk, Key, Stop};
use saga::{
    After, Ask, Before, Definition, DefinitionError, Definitions, FactOf, Flow, Here, Must, Retry, RunOf, Since, World,
    saga,
};
use std::sync::{Arc, LazyLock};

/// Name of the saga of an application in the STANDARD channel.
pub const STANDARD: &str = "origination";
/// Name of the saga of an application in the green channel.
pub const GREEN: &str = "origination-green";

/// Origination, version 1.
///
/// # Errors
/// The definition breaks a rule of the engine; the error names step and rule. A test keeps this from happening.
pub fn definition() -> Result<Definition<Origination>, DefinitionError> {
    let asked_in_turn = begin(STANDARD)
        .ask("assess guarantee", Party::Guarantor, assess_guarantee)
        .undo(withdraw_opinion)
        .ask("approve credit", Party::Bank, approve_credit)
        .undo(cancel_approval);
    pay_out(asked_in_turn)
        .expire("CONTRACT", Since::Done("approve credit"), "sign contracts", |w| w.term(|c| c.contracts_expiry))
        .build()
}

/// Origination in the green channel (S2), version 1: guarantor and bank work at the same time, the bank on condition that the
/// guarantor agrees. The contracts wait for both.
///
/// # Errors
/// As [`definition`].
pub fn green() -> Result<Definition<Origination>, DefinitionError> {
    let asked_together = begin(GREEN).parallel(|branches| {
        branches
            .branch(|b| b.ask("assess guarantee", Party::Guarantor, assess_guarantee).undo(withdraw_opinion))
            .branch(|b| b.ask("approve credit", Party::Bank, approve_credit).undo(cancel_approval))
    });
    let both = Since::AllDone(vec!["assess guarantee", "approve credit"]);
    pay_out(asked_together).expire("CONTRACT", both, "sign contracts", |w| w.term(|c| c.contracts_expiry)).build()
}

/// What comes before guarantor and bank are asked.
fn begin(name: &'static str) -> Flow<Origination, Before> {
    saga::<Origination>(name, 1)
        .only_one_open_per(|w| Ok(w.application()?.firm.uscc.to_string()))
        .incidents_to(Role::Operator)
        .retry_all(RETRY)
        .decide("check eligibility", Role::IntakeOfficer)
        .within(|w| {
            let is_green = w.application()?.is_green();
            w.term(|charter| if is_green { charter.green_intake_deadline } else { charter.intake_deadline })
        })
        .undo(void_recommendation)
        .here("reserve fund", fund::reserve)
        .undo(fund::release)
}

/// What comes after both have agreed.
fn pay_out(flow: Flow<Origination, Before>) -> Flow<Origination, After> {
    flow.ask("sign contracts", Party::Guarantor, sign_contracts)
        .undo(terminate_contracts)
        .ask("issue letter", Party::Guarantor, issue_letter)
        .undo(revoke_letter)
        .ask("sign loan contract", Party::Bank, sign_loan_contract)
        .undo(terminate_loan_contract)
        .check("confirm membership", confirm_membership)
        .point_of_no_return("disburse", Party::Bank, disburse)
        .if_unknown(query_disbursement)
        .close_with(close_disbursement)
        .key(|w| Ok(format!("disb:{}", w.id)))
        .owner(Role::FundManager)
        .must("make letter effective", Party::Guarantor, activate_letter)
        .must_here("commit reservation", fund::commit)
        .must_here("notify and archive", notify_and_archive)
        .expire("QUEUE", Since::Waiting("reserve fund"), "reserve fund", |w| w.term(|c| c.queue_expiry))
        .expire("RESERVATION", Since::Done("reserve fund"), "disburse", |w| w.term(|c| c.reservation_expiry))
        .expire("LETTER", Since::Done("issue letter"), "disburse", |w| w.term(|c| c.letter_expiry))
}

/// Delivery is the channel's business: an ask is repeated only in case a partner lost it for good, and only after the
/// longest time that a partner's people may take to answer.
pub(crate) const RETRY: Retry = Retry { first_ms: 30 * DAY_MS, longest_ms: 30 * DAY_MS };
const DAY_MS: i64 = 24 * 3_600_000;

/// Every version of every saga of the union that may still be running.
///
/// # Errors
/// A definition breaks a rule of the engine.
pub fn definitions() -> Result<&'static Definitions<Origination>, Stop> {
    static DEFINITIONS: LazyLock<Result<Definitions<Origination>, String>> = LazyLock::new(|| {
        let standard = definition().map_err(|error| error.to_string())?;
        let green = green().map_err(|error| error.to_string())?;
        Definitions::new([standard, green]).map_err(|error| error.to_string())
    });
    DEFINITIONS.as_ref().map_err(|error| Stop::Illegal(error.clone()))
}

/// One application inside one decision: what the definition is written in.
#[derive(Debug)]
pub struct Origination {
    /// The decision under way.
    pub(crate) desk: Desk<Union>,
    /// The application.
    pub(crate) id: ApplicationId,
    /// Key of its row.
    pub(crate) key: Key,
    /// The charter to which it is pinned.
    pub(crate) charter: Arc<Charter>,
}

impl Origination {
    pub(crate) fn application(&self) -> Result<&Application, Stop> {
        match self.desk.own(&self.key)? {
            Some(Row::Application(application)) => Ok(application),
            _ => Err(Stop::Illegal(format!("there is no application {}", self.id))),
        }
    }

    /// A term of the charter that the application is pinned to.
    pub(crate) fn term(&self, of: impl Fn(&Charter) -> Term) -> Result<Term, Stop> {
        Ok(of(&self.charter))
    }

    fn about(&self, ask: &Ask) -> Result<About, Stop> {
        Ok(About { application_id: self.id.clone(), charter: self.application()?.charter, key: ask.key.clone() })
    }

    fn say_plain(&mut self, ask: &Ask, message: fn(Plain) -> Message) -> Result<(), Stop> {
        let about = self.about(ask)?;
        self.desk.say(message(Plain { about }));
        Ok(())
    }

    /// What the partners have approved so far: the amount as asked, lowered by guarantor and bank.
    pub(crate) fn approved_fen(&self) -> Result<Amount, Stop> {
        let application = self.application()?;
        let asked = application.wish.amount_fen;
        let agreed = application.opinion.as_ref().map_or(asked, |opinion| opinion.amount_fen);
        Ok(application.approval.as_ref().map_or(agreed, |approval| approval.amount_fen.min(agreed)))
    }

    /// What the bank is asked for: what the guarantor agreed to; asked at the same time as the guarantor, the amount as asked.
    pub(crate) fn asked_of_bank_fen(&self) -> Result<Amount, Stop> {
        let application = self.application()?;
        let asked = application.wish.amount_fen;
        let opinion = application.opinion.as_ref().filter(|_| application.run.definition != GREEN);
        Ok(opinion.map_or(asked, |opinion| opinion.amount_fen))
    }
}

impl World for Origination {
    type Role = Role;
    type Reason = Reason;
    type Fault = Stop;

    fn now(&self) -> Moment {
        self.desk.at()
    }

    fn calendar(&self) -> &Calendar {
        &self.charter.calendar
    }

    fn case(&self) -> Result<String, Stop> {
        Ok(self.id.to_string())
    }

    fn run(&self) -> Result<&RunOf<Self>, Stop> {
        Ok(&self.application()?.run)
    }

    fn record(&mut self, fact: FactOf<Self>) -> Result<(), Stop> {
        Ok(self.desk.record(Fact::Saga { id: self.id.clone(), fact })?)
    }

    fn lock(&mut self, uscc: &str) -> Result<bool, Stop> {
        if let Some(Row::Firm(firm)) = self.desk.own(&rows::firm(uscc))?
            && firm.open.is_some()
        {
            return Ok(false);
        }
        self.desk.record(Fact::FirmLocked { uscc: uscc.to_owned(), id: self.id.clone() })?;
        Ok(true)
    }

    fn unlock(&mut self, uscc: &str) -> Result<(), Stop> {
        Ok(self.desk.record(Fact::FirmUnlocked { uscc: uscc.to_owned() })?)
    }
}

/// Whether the register knows the member on the day of the decision.
pub(crate) fn membership_holds(w: &Origination) -> Result<bool, Stop> {
    Ok(membership(w)?.is_some())
}

/// First and last day of the membership that holds today.
fn membership(w: &Origination) -> Result<Option<(Date, Option<Date>)>, Stop> {
    let member = rows::member(&w.application()?.member);
    Ok(match w.desk.own(&member)? {
        Some(Row::Member(row)) => row.span_on(w.now().date()),
        _ => None,
    })
}

/// Keeps what the register says today; whether the member is known.
pub(crate) fn look_up(w: &mut Origination, occasion: Occasion) -> Result<bool, Stop> {
    let span = membership(w)?;
    let (since, until) = span.map_or((None, None), |(since, until)| (Some(since), until));
    let evidence = Evidence { occasion, on: w.now().date(), since, until };
    w.desk.record(Fact::MembershipLookedUp { id: w.id.clone(), evidence })?;
    Ok(span.is_some())
}

/// The officer found the firm eligible: the evidence that everything later rests on.
pub(crate) fn recommend(w: &mut Origination) -> Result<(), Stop> {
    look_up(w, Occasion::Eligibility)?;
    let verified_on = w.now().date();
    let recommendation = Recommendation { evidence: format!("TJ-{}", w.id), verified_on };
    Ok(w.desk.record(Fact::Recommended { id: w.id.clone(), recommendation })?)
}

fn void_recommendation(w: &mut Origination) -> Result<(), Stop> {
    Ok(w.desk.record(Fact::RecommendationVoided { id: w.id.clone() })?)
}

fn assess_guarantee(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let about = w.about(ask)?;
    let application = w.application()?;
    let (Some(recommendation), Some(reservation)) = (&application.recommendation, &application.reservation) else {
        return Err(Stop::Illegal(format!("{} has no recommendation or no reservation", w.id)));
    };
    let message = AssessGuarantee {
        about,
        firm: application.firm.clone(),
        wish: application.wish.clone(),
        recommendation: recommendation.evidence.clone(),
        reservation_id: reservation.id.clone(),
        reserved_fen: reservation.reserved_fen,
    };
    w.desk.say(Message::AssessGuarantee(message));
    Ok(())
}

fn withdraw_opinion(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    w.say_plain(ask, Message::WithdrawOpinion)
}

fn approve_credit(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let about = w.about(ask)?;
    let amount_fen = w.asked_of_bank_fen()?;
    let application = w.application()?;
    let message = ApproveCredit {
        about,
        firm: application.firm.clone(),
        wish: Wish { amount_fen, ..application.wish.clone() },
        conditions: application.opinion.as_ref().map(|opinion| opinion.conditions.clone()).unwrap_or_default(),
        credit_query_consent: application.credit_query_consent.clone(),
        reservation_id: application.reservation.as_ref().map(|reservation| reservation.id.clone()),
    };
    w.desk.say(Message::ApproveCredit(message));
    Ok(())
}

fn cancel_approval(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    w.say_plain(ask, Message::CancelApproval)
}

fn sign_contracts(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let message = SignContracts { about: w.about(ask)?, amount_fen: w.approved_fen()? };
    w.desk.say(Message::SignContracts(message));
    Ok(())
}

fn terminate_contracts(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    w.say_plain(ask, Message::TerminateContracts)
}

fn issue_letter(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let term_months = w.application()?.wish.term_months;
    let message = IssueLetter { about: w.about(ask)?, amount_fen: w.approved_fen()?, term_months };
    w.desk.say(Message::IssueLetter(message));
    Ok(())
}

fn revoke_letter(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    w.say_plain(ask, Message::RevokeLetter)
}

fn sign_loan_contract(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let message = SignLoanContract {
        about: w.about(ask)?,
        letter_no: w.letter_no()?,
        amount_fen: w.approved_fen()?,
        term_months: w.application()?.wish.term_months,
        conditions: w.application()?.opinion.as_ref().map(|opinion| opinion.conditions.clone()).unwrap_or_default(),
    };
    w.desk.say(Message::SignLoanContract(message));
    Ok(())
}

fn terminate_loan_contract(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    w.say_plain(ask, Message::TerminateLoanContract)
}

/// The last look at the register before the money leaves (membership is verified at filing and at disbursement), and again
/// before each further order: what the union vouches for is old after some days.
///
/// While the programme is suspended nothing is paid out (S13), and a renewal not before the day after the old loan's settlement, or
/// shortly before its last day if it repays that (S3): the application waits here.
fn confirm_membership(w: &mut Origination) -> Result<Here<Reason>, Stop> {
    if programme::is_suspended(&w.desk)? {
        programme::put_on_hold(w)?;
        return Ok(Here::Wait);
    }
    if renewal::waits(w)? {
        return Ok(Here::Wait);
    }
    if !look_up(w, Occasion::PayOut)? {
        return Ok(Here::Refused(Reason::Intake(IntakeRejection::Membership)));
    }
    let on = w.now().date();
    w.desk.record(Fact::MembershipConfirmed { id: w.id.clone(), on })?;
    Ok(Here::Done)
}

fn disburse(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let about = w.about(ask)?;
    let application = w.application()?;
    let (Some(recommendation), Some(reservation)) = (&application.recommendation, &application.reservation) else {
        return Err(Stop::Illegal(format!("{} has no recommendation or no reservation", w.id)));
    };
    let message = Disburse {
        about,
        amount_fen: reservation.exposure_fen,
        letter_no: w.letter_no()?,
        reservation_id: reservation.id.clone(),
        membership_verified_on: recommendation.verified_on,
        rolls: renewal::rolls(w)?,
    };
    w.desk.say(Message::Disburse(message));
    Ok(())
}

fn query_disbursement(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let about = w.about(ask)?;
    w.desk.say(Message::QueryDisbursement(QueryDisbursement { about }));
    Ok(())
}

fn close_disbursement(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let about = w.about(ask)?;
    w.desk.say(Message::CloseDisbursement(CloseDisbursement { about }));
    Ok(())
}

fn activate_letter(w: &mut Origination, ask: &Ask) -> Result<(), Stop> {
    let message = ActivateLetter { about: w.about(ask)?, letter_no: w.letter_no()? };
    w.desk.say(Message::ActivateLetter(message));
    Ok(())
}

/// The applicant finds the notice with the application; the file goes into the archive under its number.
fn notify_and_archive(w: &mut Origination) -> Result<Must, Stop> {
    let archived = Archived { number: format!("DA-{}", w.id), on: w.now().date() };
    w.desk.record(Fact::Archived { id: w.id.clone(), archived })?;
    Ok(Must::Done)
}

impl Origination {
    fn letter_no(&self) -> Result<String, Stop> {
        match &self.application()?.letter {
            Some(letter) => Ok(letter.letter_no.clone()),
            None => Err(Stop::Illegal(format!("{} has no letter", self.id))),
        }
    }
}

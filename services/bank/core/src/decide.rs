//! One input after the other: which application it concerns, which step it belongs to.

use crate::{
    Bank, Command, Duty, Role, Row, books,
    case::Case,
    command::{CorrectionCheck, CreditVerdict, PaymentCheck, ReversalCheck},
    contract, core_banking, credit, letter,
    payment::{self, To},
    relief,
    repayment::{self, Money},
    requests::World,
    reversal, rights, roll, rows, subsidy, suspense,
    unidentified::{self, Unidentified},
};
use contracts::Message;
use domain::{Amount, Charters, Party};
use organisation::{
    Actor, Desk, Input, Key, Person, PortAnswer, Refusal, Rows, Stop, charters, papers,
    participant::{self, Participant, must_say_why, on_case, on_task},
};
use std::collections::BTreeSet;

/// The rows that deciding this input will read.
pub(crate) fn needs(founding: &Charters, input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
    let about_charter = charters::subject(input, |command| match command {
        Command::Charter(motion) => Some(motion),
        _ => None,
    });
    if let Some(hash) = about_charter {
        return wanted.extend(charters::keys(hash));
    }
    let money = need_money(input, rows, wanted);
    let assigned = || money.and_then(|money| money.assigned_to().cloned());
    let Some(id) = participant::application_of(input, Command::application_id).or_else(assigned) else {
        match input {
            Input::Command { command: Command::ReceiveDeposit { reference, .. }, .. } => {
                wanted.insert(Key::Transfer(books::receipt(reference)));
            }
            Input::Command {
                command: Command::PrepareSubsidyList { period } | Command::CheckSubsidyList { period, .. },
                ..
            } => {
                wanted.insert(charters::book_key());
                wanted.extend(subsidy::keys(rows, *period));
            }
            _ => {}
        }
        return wanted.extend(books::opening_keys());
    };
    let orders_payment = matches!(input, Input::Message(received) if matches!(received.message, Message::Disburse(_)));
    let key = rows::case(&id);
    // The second round knows the case and so its firm.
    if let Ok(Some(Row::Case(case))) = rows.own(&key)
        && let Some(file) = &case.file
    {
        wanted.extend(charters::pinned(founding, &file.charter));
        if orders_payment || case.paid_out.is_some() || case.payment.is_some() {
            wanted.extend(books::loan_keys(&id, file.firm.uscc.as_str()));
            wanted.insert(Key::Account(books::CLEARING));
        }
        // The loan changes with its contract.
        if case.decision.is_some() {
            wanted.insert(rows::loan(&id));
        }
        if case.paid_out.is_some() {
            wanted.extend([books::INTEREST, books::OFF_BALANCE_OF_ALL].map(Key::Account));
        }
        // A new loan repays the old one in the same decision.
        if let Some(old) = roll::of(case) {
            wanted.extend([rows::case(old), rows::loan(old)]);
            wanted.extend(books::loan_keys(old, file.firm.uscc.as_str()));
            wanted.extend([books::INTEREST, books::OFF_BALANCE_OF_ALL].map(Key::Account));
            if let Ok(Some(Row::Loan(loan))) = rows.own(&rows::loan(old))
                && let Some(last_day) = loan.life.as_ref().and_then(|life| life.loan.maturity())
            {
                wanted.extend(subsidy::keys_of(rows, last_day));
            }
        }
        if let Input::Command { command: Command::ReceiveRepayment { reference, value_date, .. }, .. } = input {
            wanted.insert(Key::Transfer(books::repayment(reference)));
            wanted.extend(subsidy::keys_of(rows, *value_date));
        }
        wanted.extend(money.into_iter().flat_map(|money| subsidy::keys_of(rows, money.value_date)));
    }
    if let Input::Message(received) = input
        && let Some(about) = received.message.about()
    {
        wanted.extend(charters::pinned(founding, &about.charter));
    }
    let about_loan = match input {
        Input::Message(received) => {
            matches!(received.message, Message::UnionAsksLoanReports(_) | Message::GuarantorAsksLoanReports(_))
        }
        Input::Command { command, .. } => matches!(
            command,
            Command::ReceiveRepayment { .. }
                | Command::ReverseRepayment { .. }
                | Command::IdentifyMoney { .. }
                | Command::CheckIdentification { .. }
        ),
        _ => false,
    };
    if about_loan {
        wanted.insert(rows::loan(&id));
    }
    if let Input::Message(received) = input
        && let Message::PaySubsidy(ask) = &received.message
    {
        wanted.extend([rows::subsidy_list(ask.period), Key::Account(books::UNION_SUBSIDY)]);
    }
    if let Input::Command { command: Command::ReturnSubsidy { .. }, .. } = input {
        wanted.insert(Key::Account(books::UNION_SUBSIDY));
    }
    let about_papers = match input {
        Input::Message(received) => papers::is_about(&received.message),
        Input::Command { command, .. } => matches!(command, Command::AskForPapers { .. }),
        _ => false,
    };
    if about_papers {
        wanted.insert(papers::key(&id));
    }
    wanted.insert(key);
}

/// What deciding on money whose loan is not known reads: its row and its place in suspense. The money, where it may now be booked.
fn need_money<'r>(input: &Input<Command>, rows: &'r Rows<Row>, wanted: &mut BTreeSet<Key>) -> Option<&'r Unidentified> {
    let reference = match input {
        Input::Command { command, .. } => match command {
            Command::EnterUnidentified { reference, .. } => {
                wanted.extend([charters::book_key(), Key::Transfer(books::repayment(reference))]);
                reference
            }
            Command::IdentifyMoney { reference, .. } | Command::CheckIdentification { reference, .. } => reference,
            _ => return None,
        },
        Input::Due(key) => unidentified_in(key)?,
        _ => return None,
    };
    let key = rows::unidentified(reference);
    wanted.extend(books::suspense_key(reference).into_iter().chain([Key::Account(books::CLEARING)]));
    let is_check = matches!(input, Input::Command { command: Command::CheckIdentification { .. }, .. });
    let money = match rows.own(&key) {
        Ok(Some(Row::Unidentified(money))) if is_check => Some(&**money),
        _ => None,
    };
    wanted.insert(key);
    money
}

/// The reference of money whose loan is not known, in the key of its row.
fn unidentified_in(key: &Key) -> Option<&str> {
    match key {
        Key::Row(key) => key.strip_prefix("unidentified/"),
        _ => None,
    }
}

impl Participant for Bank {
    fn heard(w: &mut World<'_>, message: &Message) -> Result<(), Stop> {
        match message {
            Message::ApproveCredit(ask) => credit::asked(w, ask),
            Message::CancelApproval(undo) => credit::cancelled(w, &undo.about),
            Message::PresentLetter(present) => letter::presented(w, present),
            Message::AskNotDisbursed(ask) => letter::asked_not_disbursed(w, ask),
            Message::SignLoanContract(ask) => contract::asked(w, ask),
            Message::TerminateLoanContract(undo) => contract::terminated(w, &undo.about),
            Message::Disburse(ask) => payment::asked(w, ask),
            Message::QueryDisbursement(query) => payment::queried(w, query),
            Message::CloseDisbursement(close) => payment::closed(w, close),
            Message::ProposeRelief(ask) => relief::asked(w, ask),
            Message::WithdrawReliefPlan(undo) => relief::withdrawn(w, &undo.about),
            Message::ConsentPresented(said) => relief::consented(w, said),
            Message::SwitchSchedule(ask) => relief::ordered(w, ask),
            Message::QuerySwitch(query) => relief::queried(w, &query.about),
            Message::CloseSwitch(close) => relief::closed(w, &close.about),
            Message::PaySubsidy(ask) => subsidy::ordered(w, ask),
            Message::QuerySubsidy(query) => subsidy::queried(w, &query.about),
            Message::CloseSubsidy(close) => subsidy::closed(w, &close.about),
            Message::UnionAsksLoanReports(asked) => repayment::asked(w, Party::Union, asked.from),
            Message::GuarantorAsksLoanReports(asked) => repayment::asked(w, Party::Guarantor, asked.from),
            Message::PaperForBank(part) => papers::received(w.desk, part),
            other => Err(Stop::Illegal(format!("{} is not said to the bank", other.kind().name()))),
        }
    }

    fn roles_for(command: &Command) -> &'static [&'static str] {
        rights::of(command)
    }

    fn told(&self, desk: &mut Desk<Self>, actor: &Actor, command: &Command) -> Result<(), Stop> {
        let by = &actor.person;
        match command {
            Command::OpenBooks { deposit_fen } => books::open_books(desk, *deposit_fen),
            Command::ReceiveDeposit { reference, amount_fen, purpose } => {
                books::receive_deposit(desk, reference, *amount_fen, *purpose)
            }
            Command::PrepareSubsidyList { period } => subsidy::prepare(self, desk, by, *period),
            Command::CheckSubsidyList { period, verdict } => subsidy::check(desk, by, *period, verdict),
            Command::ReturnSubsidy { application_id, period, because } => on_case(self, desk, application_id, |w| {
                must_say_why(because)?;
                subsidy::come_back(w, by, *period, because)
            }),
            Command::Investigate { application_id, finding } => {
                on_task(self, desk, actor, application_id, Duty::Investigate, |w| credit::report(w, by, finding))
            }
            Command::DecideCredit { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::DecideCredit, |w| {
                    if let CreditVerdict::Return { because } = verdict {
                        must_say_why(because)?;
                    }
                    credit::decide(w, by, verdict)
                })
            }
            Command::SignLoanContract { application_id } => {
                on_task(self, desk, actor, application_id, Duty::SignLoanContract, |w| contract::signed(w, by))
            }
            Command::PreparePayment { application_id } => {
                on_task(self, desk, actor, application_id, Duty::PreparePayment, |w| payment::prepare(w, by))
            }
            Command::CheckPayment { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::CheckPayment, |w| match verdict {
                    PaymentCheck::Release => payment::release(w, by, To::Borrower),
                    PaymentCheck::Suspend => payment::release(w, by, To::Suspense),
                    PaymentCheck::Return { because } => {
                        must_say_why(because)?;
                        payment::send_back(w, by, because)
                    }
                })
            }
            Command::PrepareCorrection { application_id, account } => {
                on_task(self, desk, actor, application_id, Duty::PrepareCorrection, |w| {
                    suspense::prepare(w, by, account)
                })
            }
            Command::CheckCorrection { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::CheckCorrection, |w| match verdict {
                    CorrectionCheck::Release => suspense::release(w, by),
                    CorrectionCheck::Return { because } => {
                        must_say_why(because)?;
                        suspense::send_back(w, by, because)
                    }
                })
            }
            Command::PrepareReversal { application_id, because } => on_case(self, desk, application_id, |w| {
                must_say_why(because)?;
                reversal::prepare(w, by, because)
            }),
            Command::CheckReversal { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::CheckReversal, |w| match verdict {
                    ReversalCheck::Release => reversal::release(w, by),
                    ReversalCheck::Return { because } => {
                        must_say_why(because)?;
                        reversal::send_back(w, by, because)
                    }
                })
            }
            Command::ReceiveRepayment { application_id, reference, value_date, amount_fen, kind } => {
                let (value_date, amount_fen, kind) = (*value_date, *amount_fen, *kind);
                on_case(self, desk, application_id, |w| {
                    repayment::receive(w, by, &Money { reference, value_date, amount_fen, kind })
                })
            }
            Command::EnterUnidentified { reference, value_date, amount_fen, note } => {
                unidentified::enter(self, desk, by, reference, *value_date, *amount_fen, note)
            }
            Command::IdentifyMoney { reference, purpose } => unidentified::identify(desk, actor, reference, purpose),
            Command::CheckIdentification { reference, verdict } => {
                unidentified::check(self, desk, actor, reference, verdict)
            }
            Command::ReverseRepayment { application_id, receipt, because } => {
                on_case(self, desk, application_id, |w| {
                    must_say_why(because)?;
                    repayment::reverse(w, by, *receipt, because)
                })
            }
            Command::ProposeRelief { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::ProposeRelief, |w| relief::propose(w, by, verdict))
            }
            Command::Charter(motion) => charters::moved(self, desk, actor, motion),
            Command::HandTask(handover) => participant::hand_task(self, desk, actor, handover),
            Command::AskForPapers { application_id, letterbox } => {
                participant::ask_for_papers(self, desk, actor, application_id, letterbox)
            }
            Command::ResolveIncident { application_id, number, because } => {
                participant::resolve_incident(self, desk, actor, application_id, *number, because)
            }
        }
    }

    fn decides_by_rule(&self, role: Role) -> bool {
        self.automatic.contains(&role)
    }

    fn amount(case: &Case, duty: Duty) -> Option<Amount> {
        match duty {
            Duty::Investigate | Duty::DecideCredit => case.file.as_ref().map(|file| file.wish.amount_fen),
            Duty::SignLoanContract => case.signing.as_ref().map(|signing| signing.amount_fen),
            Duty::PreparePayment | Duty::CheckPayment => case.payment.as_ref().map(|payment| payment.amount_fen),
            // Which account it is no rule knows, nor whether a pay-out should have been made, nor what helps a firm.
            Duty::PrepareCorrection | Duty::CheckCorrection | Duty::CheckReversal | Duty::ProposeRelief => None,
        }
    }

    fn by_rule(w: &mut World<'_>, duty: Duty, by: &Person) -> Result<(), Stop> {
        match duty {
            Duty::Investigate => credit::report_automatically(w, by),
            Duty::DecideCredit => credit::decide_automatically(w, by),
            Duty::SignLoanContract => contract::signed(w, by),
            Duty::PreparePayment => payment::prepare(w, by),
            Duty::CheckPayment => payment::release(w, by, To::Borrower),
            Duty::CheckReversal => Err(Stop::Illegal("no rule reverses a pay-out".to_owned())),
            Duty::ProposeRelief => Err(Stop::Illegal("no rule knows what helps a firm".to_owned())),
            Duty::PrepareCorrection | Duty::CheckCorrection => {
                Err(Stop::Illegal("no rule knows another account of the borrower's".to_owned()))
            }
        }
    }

    fn time_passed(w: &mut World<'_>) -> Result<(), Stop> {
        reversal::tick(w)?;
        roll::tick(w)?;
        repayment::tick(w)?;
        core_banking::tick(w)
    }

    fn due(&self, desk: &mut Desk<Self>, key: &Key) -> Result<(), Stop> {
        match unidentified_in(key) {
            Some(reference) => unidentified::tick(desk, reference),
            None => Err(Stop::Illegal(format!("row `{key}` has no timer"))),
        }
    }

    fn answered(w: &mut World<'_>, answer: &PortAnswer) -> Result<(), Stop> {
        let PortAnswer::CoreBanking { key, posting } = answer else {
            return Err(Stop::Illegal("the bank seals nothing for others".into()));
        };
        if w.case()?.is_none() {
            return Err(Refusal::not_found(&w.id).into());
        }
        core_banking::answered(w, key, posting)
    }
}

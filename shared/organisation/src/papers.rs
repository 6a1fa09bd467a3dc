//! Papers and personal data of one application, as a core knows them: addresses, kinds and sizes, never a byte of them.
//!
//! The union is handed papers and owes them to whoever has asked; guarantor and bank ask, once a case, and hear of them part by
//! part. What is sealed passes through here as text that nobody can open. The shell keeps the bytes (DESIGN.md, personal data).

use crate::{Desk, Key, NotLoaded, Organisation, PortAction, PortOrder, Refusal, RefusalKind, Row, Rows, Stop};
use contracts::{About, Message, Paper, PaperKind, PaperSealed, PapersAsked};
use domain::{ApplicationId, Date, Party};
use saga::Person;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Papers that an application may have: each kind anew several times over.
pub const MOST: usize = 60;

/// The row `papers/<application>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Papers {
    /// The application.
    pub id: ApplicationId,
    /// What was handed in here, in the order in which it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supplied: Vec<Supplied>,
    /// Letterboxes of partners to which everything that may go there goes, now and later.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letterboxes: BTreeMap<Party, String>,
    /// This organisation's own letterbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What has come into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<Received>,
}

/// A paper that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplied {
    /// Which.
    pub paper: Paper,
    /// By whom.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// The papers were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Public key of the letterbox; its private key is in the vault.
    pub letterbox: String,
    /// By whom.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// A paper that comes from a partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Which.
    pub paper: Paper,
    /// Since when, or since when a part of it.
    pub on: Date,
    /// How many parts it has.
    pub of: u16,
    /// The parts that are here.
    pub parts: BTreeSet<u16>,
}

impl Received {
    /// Whether all of it is here.
    pub fn is_whole(&self) -> bool {
        self.parts.len() == usize::from(self.of)
    }
}

impl Papers {
    /// No papers yet.
    pub const fn new(id: ApplicationId) -> Self {
        Papers { id, supplied: Vec::new(), letterboxes: BTreeMap::new(), asked: None, received: Vec::new() }
    }

    /// What this organisation knows of a paper.
    pub fn paper(&self, address: &str) -> Option<&Paper> {
        let supplied = self.supplied.iter().map(|supplied| &supplied.paper);
        supplied.chain(self.received.iter().map(|received| &received.paper)).find(|paper| paper.address == address)
    }

    /// What the interface shows of each, and who of the partners has asked.
    pub fn shown(&self) -> Vec<Value> {
        let line = |paper: &Paper, on: &Date, is_whole: bool| {
            json!({
                "address": paper.address, "kind": paper.kind, "title": paper.kind.zh(), "media_type": paper.media_type,
                "pages": paper.pages, "bytes": paper.bytes, "on": on, "whole": is_whole,
            })
        };
        let supplied = self.supplied.iter().map(|supplied| line(&supplied.paper, &supplied.on, true));
        supplied
            .chain(self.received.iter().map(|received| line(&received.paper, &received.on, received.is_whole())))
            .collect()
    }
}

/// What is recorded of papers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say the same in every variant: application, which paper, who, when")]
pub enum Fact {
    /// A paper was handed in.
    Supplied { id: ApplicationId, supplied: Supplied },
    /// A partner made a letterbox for what it may have.
    LetterboxKnown { id: ApplicationId, partner: Party, letterbox: String },
    /// A paper was sealed to a partner's letterbox and sent.
    Sent { id: ApplicationId, partner: Party, kind: PaperKind },
    /// A paper is not sent because it cannot be opened any more: it was erased.
    NotSent { id: ApplicationId, partner: Party, kind: PaperKind },
    /// This organisation asked for the papers.
    Asked { id: ApplicationId, asked: Asked },
    /// A part of a paper came.
    PartReceived { id: ApplicationId, paper: Paper, part: u16, of: u16, on: Date },
}

impl Fact {
    const fn id(&self) -> &ApplicationId {
        match self {
            Fact::Supplied { id, .. }
            | Fact::LetterboxKnown { id, .. }
            | Fact::Sent { id, .. }
            | Fact::NotSent { id, .. }
            | Fact::Asked { id, .. }
            | Fact::PartReceived { id, .. } => id,
        }
    }

    /// The fact as a line of the timeline; the parts of a paper but its first say nothing new.
    pub fn line(&self) -> Option<crate::Line> {
        let (event, text) = match self {
            Fact::Supplied { supplied, .. } => {
                ("papers_supplied", format!("收到材料：{}，{} 页", supplied.paper.kind.zh(), supplied.paper.pages))
            }
            Fact::LetterboxKnown { partner, .. } => ("papers_asked", format!("{}调取申请材料", partner.zh())),
            Fact::Sent { partner, kind, .. } => ("papers_sent", format!("{}已密封送交{}", kind.zh(), partner.zh())),
            Fact::NotSent { partner, kind, .. } => {
                ("papers_not_sent", format!("{}已被删除，未送交{}", kind.zh(), partner.zh()))
            }
            Fact::Asked { .. } => ("papers_asked", "向工会调取申请材料".to_owned()),
            Fact::PartReceived { paper, part: 1, .. } => {
                ("papers_received", format!("收到工会送交的{}，{} 页", paper.kind.zh(), paper.pages))
            }
            Fact::PartReceived { .. } => return None,
        };
        Some(crate::Line { step: String::new(), event, text })
    }
}

/// An organisation that keeps papers.
pub trait KeepsPapers: Organisation {
    /// The row for them.
    fn row(papers: Papers) -> Self::Row;
    /// The papers in a row, if it is a row of papers.
    fn papers(row: &Self::Row) -> Option<&Papers>;
    /// The same, to be changed.
    fn papers_mut(row: &mut Self::Row) -> Option<&mut Papers>;
    /// The organisation's fact of what is common to all.
    fn papers_fact(fact: Fact) -> Self::Fact;
}

/// Key of the row.
pub fn key(id: &ApplicationId) -> Key {
    Key::row("papers", id)
}

/// Whether a message asks for papers or carries one.
pub const fn is_about(message: &Message) -> bool {
    matches!(
        message,
        Message::GuarantorAsksPapers(_)
            | Message::BankAsksPapers(_)
            | Message::PaperForGuarantor(_)
            | Message::PaperForBank(_)
    )
}

/// Applies one fact.
pub fn apply<O: KeepsPapers>(rows: &mut Rows<O::Row>, fact: &Fact) -> Result<(), NotLoaded> {
    let key = key(fact.id());
    if let Some(papers) = rows.own_mut(&key)?.and_then(O::papers_mut) {
        change(papers, fact);
        return Ok(());
    }
    let mut papers = Papers::new(fact.id().clone());
    change(&mut papers, fact);
    rows.put(key, Row::Own(O::row(papers)))
}

fn change(papers: &mut Papers, fact: &Fact) {
    match fact {
        Fact::Supplied { supplied, .. } => papers.supplied.push(supplied.clone()),
        Fact::LetterboxKnown { partner, letterbox, .. } => {
            papers.letterboxes.insert(*partner, letterbox.clone());
        }
        Fact::Asked { asked, .. } => papers.asked = Some(asked.clone()),
        Fact::PartReceived { paper, part, of, on, .. } => {
            let known = papers.received.iter_mut().find(|received| received.paper.address == paper.address);
            match known {
                Some(received) => drop(received.parts.insert(*part)),
                None => papers.received.push(Received {
                    paper: paper.clone(),
                    on: *on,
                    of: *of,
                    parts: BTreeSet::from([*part]),
                }),
            }
        }
        Fact::Sent { .. } | Fact::NotSent { .. } => {}
    }
}

fn papers_of<O: KeepsPapers>(desk: &Desk<O>, id: &ApplicationId) -> Result<Papers, Stop> {
    Ok(desk.own(&key(id))?.and_then(O::papers).cloned().unwrap_or_else(|| Papers::new(id.clone())))
}

fn record<O: KeepsPapers>(desk: &mut Desk<O>, fact: Fact) -> Result<(), Stop> {
    Ok(desk.record(O::papers_fact(fact))?)
}

/// A paper is handed in. Whether the application may still be added to is for the caller to know.
///
/// # Errors
/// `ALREADY_SUPPLIED`, `TOO_MANY_PAPERS`.
pub fn supply<O: KeepsPapers>(desk: &mut Desk<O>, id: &ApplicationId, paper: &Paper, by: &Person) -> Result<(), Stop> {
    let papers = papers_of(desk, id)?;
    if papers.paper(&paper.address).is_some() {
        return Err(refused("ALREADY_SUPPLIED", "材料已提交", "同一份材料已经提交过，无需再交。"));
    }
    if papers.supplied.len() >= MOST {
        let detail = format!("一项申请至多 {MOST} 份材料，请合并后再交，或与工会联系。");
        return Err(refused("TOO_MANY_PAPERS", "材料过多", detail));
    }
    let supplied = Supplied { paper: paper.clone(), by: by.clone(), on: desk.at().date() };
    record(desk, Fact::Supplied { id: id.clone(), supplied })?;
    for (partner, letterbox) in papers.letterboxes.iter().filter(|(partner, _)| paper.kind.may_go_to(**partner)) {
        order(desk, id, *partner, letterbox, paper);
    }
    Ok(())
}

/// A partner has asked: what may go to it goes there, the personal data first. Whether it may ask is for the
/// caller to know. Asked again with another letterbox, everything goes to that one.
pub fn asked<O: KeepsPapers>(desk: &mut Desk<O>, partner: Party, ask: &PapersAsked, person: Paper) -> Result<(), Stop> {
    let id = &ask.about.application_id;
    let papers = papers_of(desk, id)?;
    if papers.letterboxes.get(&partner) == Some(&ask.letterbox) {
        return Ok(());
    }
    record(desk, Fact::LetterboxKnown { id: id.clone(), partner, letterbox: ask.letterbox.clone() })?;
    order(desk, id, partner, &ask.letterbox, &person);
    for supplied in papers.supplied.iter().filter(|supplied| supplied.paper.kind.may_go_to(partner)) {
        order(desk, id, partner, &ask.letterbox, &supplied.paper);
    }
    Ok(())
}

fn order<O: KeepsPapers>(desk: &mut Desk<O>, id: &ApplicationId, to: Party, letterbox: &str, paper: &Paper) {
    let key = format!("papers:{id}:{to}:{}:{}", short(letterbox), short(&paper.address));
    let action = PortAction::Seal { to, letterbox: letterbox.to_owned(), paper: paper.clone() };
    desk.order(PortOrder { application_id: id.clone(), key, action });
}

/// Enough of an address or a key to tell it from the others of an application.
fn short(text: &str) -> &str {
    text.get(..16).unwrap_or(text)
}

/// What the shell sealed goes to the partner, part by part; nothing, if it could not be opened any more.
pub fn sealed<O: KeepsPapers>(desk: &mut Desk<O>, about: &About, sealed: &Sealed) -> Result<(), Stop> {
    let id = &about.application_id;
    let (to, kind) = (sealed.to, sealed.paper.kind);
    if !kind.may_go_to(to) {
        return Err(Stop::Illegal(format!("{} of {id} may not go to the {to}", kind.code())));
    }
    if sealed.parts.is_empty() {
        return record(desk, Fact::NotSent { id: id.clone(), partner: to, kind });
    }
    let of = u16::try_from(sealed.parts.len()).map_err(|error| Stop::Illegal(error.to_string()))?;
    for (part, bytes) in (1..=of).zip(&sealed.parts) {
        let key = format!("paper:{}:{part}", short(&sealed.paper.address));
        let part = PaperSealed {
            about: About { key, ..about.clone() },
            paper: sealed.paper.clone(),
            letterbox: sealed.letterbox.clone(),
            part,
            of,
            sealed: bytes.clone(),
        };
        desk.say(match to {
            Party::Guarantor => Message::PaperForGuarantor(part),
            Party::Bank => Message::PaperForBank(part),
            Party::Union => return Err(Stop::Illegal("the union asks nobody for papers".to_owned())),
        });
    }
    record(desk, Fact::Sent { id: id.clone(), partner: to, kind })
}

/// What the shell sealed for a partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// For whom.
    pub to: Party,
    /// To which letterbox.
    pub letterbox: String,
    /// What it is.
    pub paper: Paper,
    /// Its parts, base64; none: it was erased meanwhile.
    pub parts: Vec<String>,
}

/// Asks the union for what this organisation may have, once; `letterbox` was made for it.
///
/// # Errors
/// `ALREADY_ASKED`.
pub fn ask<O: KeepsPapers>(desk: &mut Desk<O>, about: About, letterbox: &str, by: &Person) -> Result<(), Stop> {
    let id = about.application_id.clone();
    if let Some(asked) = papers_of(desk, &id)?.asked {
        let detail = format!("{} 已向工会调取过，材料随到随存。", asked.on);
        return Err(refused("ALREADY_ASKED", "材料已调取", detail));
    }
    let asked = Asked { letterbox: letterbox.to_owned(), by: by.clone(), on: desk.at().date() };
    record(desk, Fact::Asked { id, asked })?;
    let ask = PapersAsked { about, letterbox: letterbox.to_owned() };
    desk.say(match O::PARTY {
        Party::Guarantor => Message::GuarantorAsksPapers(ask),
        Party::Bank => Message::BankAsksPapers(ask),
        Party::Union => return Err(Stop::Illegal("the union asks nobody for papers".to_owned())),
    });
    Ok(())
}

/// A part of a paper has come. The shell keeps the sealed bytes if this is recorded.
///
/// # Errors
/// `NOT_OURS`: nobody here asked for it, or this organisation may not have it. It is not kept.
pub fn received<O: KeepsPapers>(desk: &mut Desk<O>, part: &PaperSealed) -> Result<(), Stop> {
    let id = part.about.application_id.clone();
    let asked = papers_of(desk, &id)?.asked;
    let is_ours = asked.is_some_and(|asked| asked.letterbox == part.letterbox);
    if !is_ours || !part.paper.kind.may_go_to(O::PARTY) || part.part == 0 || part.part > part.of {
        return Err(refused("NOT_OURS", "不应收到的材料", format!("{id} 的这份材料并非本机构所调取，未予保存。")));
    }
    let (paper, on) = (part.paper.clone(), desk.at().date());
    record(desk, Fact::PartReceived { id, paper, part: part.part, of: part.of, on })
}

fn refused(code: &str, title: &str, detail: impl Into<String>) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail.into()).into()
}

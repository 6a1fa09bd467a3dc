//! Papers at the edge of an organisation: sealed to a partner's letterbox, opened from one's own.
//!
//! A letterbox is a key pair for one application (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305). Its private key lies in the
//! vault of whoever made it, under a key of its own; once that is destroyed, nobody opens what was ever sealed to it, and the
//! frames that carried it stay as they were signed. Whoever seals keeps no key that opens.

use crate::{
    about, person,
    store::{StoreError, read::Readers},
    vault::{CannotOpen, Kind, Sealed, Vault},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{Paper, PaperKind};
use domain::{ApplicationId, Party};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256 as X25519, single_shot_open, single_shot_seal,
};
use organisation::{PortAction, PortAnswer, PortOrder, papers};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Bytes that a paper may have.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of a paper that go in one message: sealed and as base64 they fit a frame beside its envelope.
const PART_BYTES: usize = 120 * 1024;
/// How long to wait before a database that cannot be read is read again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const INFO: &[u8] = b"nuan-papers-1";
const ENCAPSULATED: usize = 32;

/// Media types that are taken, told from the bytes themselves.
const MEDIA_TYPES: [&str; 3] = ["application/pdf", "image/jpeg", "image/png"];

/// The media type of a paper's bytes, if it is one that is taken. What the sender says of them counts for nothing.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let told = infer::get(bytes)?.mime_type();
    MEDIA_TYPES.into_iter().find(|taken| *taken == told)
}

/// The address of a paper: the same bytes have the same one within an application, and without its salt nobody can tell from
/// it what they are.
pub fn address(salt: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    hash.update(bytes);
    hex::encode(hash.finalize())
}

/// Makes a letterbox: its public key, and its private key sealed into the vault under it.
///
/// # Errors
/// The vault's key does not seal.
pub fn letterbox(vault: &Vault) -> Result<(String, Sealed), CannotOpen> {
    let (private, public) = X25519::gen_keypair();
    let public = hex::encode(public.to_bytes());
    let sealed = vault.seal_under(Kind::Letterbox, public.clone(), &private.to_bytes())?;
    Ok((public, sealed))
}

/// Which part of which paper of which application goes to whom: what is sealed opens as nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Of which application.
    pub id: &'a ApplicationId,
    /// To whom.
    pub to: Party,
    /// The paper's address.
    pub paper: &'a str,
    /// Which part, from 1.
    pub part: u16,
    /// Of how many.
    pub of: u16,
}

impl Place<'_> {
    fn aad(&self) -> Vec<u8> {
        let Place { id, to, paper, part, of } = self;
        format!("{id}\n{to}\n{paper}\n{part}/{of}").into_bytes()
    }
}

/// Seals bytes to a letterbox: the encapsulated key, then the ciphertext.
fn seal(letterbox: &str, place: &Place<'_>, bytes: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let key = hex::decode(letterbox).map_err(|_| CannotOpen)?;
    let key = <X25519 as Kem>::PublicKey::from_bytes(&key).map_err(|_| CannotOpen)?;
    let (encapsulated, sealed) =
        single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519>(&OpModeS::Base, &key, INFO, bytes, &place.aad())
            .map_err(|_| CannotOpen)?;
    Ok([encapsulated.to_bytes().as_slice(), &sealed].concat())
}

/// Opens what was sealed to the letterbox with this private key.
fn open(private: &[u8], place: &Place<'_>, bytes: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let private = <X25519 as Kem>::PrivateKey::from_bytes(private).map_err(|_| CannotOpen)?;
    let (encapsulated, sealed) = bytes.split_at_checked(ENCAPSULATED).ok_or(CannotOpen)?;
    let encapsulated = <X25519 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| CannotOpen)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        INFO,
        sealed,
        &place.aad(),
    )
    .map_err(|_| CannotOpen)
}

/// Where a part of a paper lies in the vault: under its letterbox, whose key opens it.
pub(crate) fn part_token(letterbox: &str, paper: &str, part: u16) -> String {
    format!("{letterbox}/{paper}/{part:05}")
}

/// Why a paper cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was erased, or it is not all here yet.
    #[error("it is not here, or not all of it")]
    NotHere,
    /// It does not open.
    #[error(transparent)]
    CannotOpen(#[from] CannotOpen),
}

/// The bytes of a paper that this organisation keeps, handed in here or received.
///
/// # Errors
/// [`NotShown`].
pub async fn bytes(
    readers: &Readers,
    vault: &Vault,
    party: Party,
    papers: &papers::Papers,
    address: &str,
) -> Result<Vec<u8>, NotShown> {
    if let Some(sealed) = readers.vault_record(address).await? {
        return Ok(vault.open(&sealed)?);
    }
    let received = papers.received.iter().find(|received| received.paper.address == address);
    let Some((received, asked)) = received.filter(|received| received.is_whole()).zip(papers.asked.as_ref()) else {
        return Err(NotShown::NotHere);
    };
    let Some(private) = readers.vault_record(&asked.letterbox).await? else { return Err(NotShown::NotHere) };
    let private = vault.open(&private)?;
    let mut whole = Vec::new();
    for part in 1..=received.of {
        let token = part_token(&asked.letterbox, address, part);
        let sealed = readers.vault_part(&token).await?.ok_or(NotShown::NotHere)?;
        let place = Place { id: &papers.id, to: party, paper: address, part, of: received.of };
        whole.extend(open(&private, &place, &sealed)?);
    }
    Ok(whole)
}

/// Seals papers for partners as the core orders it, until the queue closes or shutdown. What was not answered before a crash is
/// ordered again at the start.
pub async fn carry_out(
    readers: Readers,
    vault: Arc<Vault>,
    mut orders: mpsc::Receiver<PortOrder>,
    answers: mpsc::Sender<(ApplicationId, PortAnswer)>,
    shutdown: CancellationToken,
) {
    loop {
        let order = tokio::select! {
            () = shutdown.cancelled() => return,
            order = orders.recv() => order,
        };
        let Some(PortOrder { application_id: id, key, action: PortAction::Seal { to, letterbox, paper } }) = order
        else {
            return;
        };
        let about = id.clone();
        let sealed = telemetry::about(move || about::application(&about), async {
            loop {
                match sealed(&readers, &vault, &id, to, &letterbox, &paper).await {
                    Ok(sealed) => return sealed,
                    Err(error) => {
                        tracing::warn!(%error, "a paper cannot be read to be sealed, and will be tried again");
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                }
            }
        });
        let sealed = tokio::select! {
            () = shutdown.cancelled() => return,
            sealed = sealed => sealed,
        };
        if answers.send((id, PortAnswer::Vault { key, sealed })).await.is_err() {
            return;
        }
    }
}

/// The paper, sealed part by part; no parts if it is erased or does not open.
async fn sealed(
    readers: &Readers,
    vault: &Vault,
    id: &ApplicationId,
    to: Party,
    letterbox: &str,
    paper: &Paper,
) -> Result<papers::Sealed, StoreError> {
    let record = readers.vault_record(&paper.address).await?;
    let parts = record.map(|record| parts(vault, &record, id, to, letterbox, paper)).transpose();
    let (bytes, parts) = parts
        .unwrap_or_else(|error| {
            tracing::error!(%error, "a paper does not open, and is not sent");
            None
        })
        .unwrap_or_default();
    Ok(papers::Sealed { to, letterbox: letterbox.to_owned(), paper: Paper { bytes, ..paper.clone() }, parts })
}

/// How many bytes it has, and its sealed parts.
fn parts(
    vault: &Vault,
    record: &Sealed,
    id: &ApplicationId,
    to: Party,
    letterbox: &str,
    paper: &Paper,
) -> Result<(u32, Vec<String>), CannotOpen> {
    let mut bytes = vault.open(record)?;
    if paper.kind == PaperKind::Person {
        let person = serde_json::from_slice(&bytes).map_err(|_| CannotOpen)?;
        bytes = person::for_partner(to, &person).to_string().into_bytes();
    }
    let size = u32::try_from(bytes.len()).map_err(|_| CannotOpen)?;
    let of = u16::try_from(bytes.len().div_ceil(PART_BYTES)).map_err(|_| CannotOpen)?;
    let sealed = (1..=of).zip(bytes.chunks(PART_BYTES)).map(|(part, bytes)| {
        let place = Place { id, to, paper: &paper.address, part, of };
        Ok(STANDARD.encode(seal(letterbox, &place, bytes)?))
    });
    Ok((size, sealed.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn id() -> ApplicationId {
        ApplicationId::parse("NCD-2020-0001").unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_letterboxes_key_at_its_place_and_nowhere_else() {
        let vault = Vault::new([7; 32]);
        let (public, private) = letterbox(&vault).unwrap();
        let private = vault.open(&private).unwrap();
        let id = id();
        let place = Place { id: &id, to: Party::Bank, paper: "c1", part: 1, of: 2 };
        let sealed = seal(&public, &place, b"110105 19491231 002X").unwrap();
        assert_eq!(open(&private, &place, &sealed).unwrap(), b"110105 19491231 002X");

        let other = ApplicationId::parse("NCD-2020-0002").unwrap();
        for elsewhere in [
            Place { id: &other, ..place },
            Place { to: Party::Guarantor, ..place },
            Place { paper: "c2", ..place },
            Place { part: 2, ..place },
            Place { of: 1, ..place },
        ] {
            assert_eq!(open(&private, &elsewhere, &sealed), Err(CannotOpen), "{elsewhere:?}");
        }
        let (_, another) = letterbox(&vault).unwrap();
        assert_eq!(open(&vault.open(&another).unwrap(), &place, &sealed), Err(CannotOpen));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&private, &place, &changed), Err(CannotOpen), "byte {at}");
        }
        for no_key in ["", "00", "zz"] {
            assert_eq!(seal(no_key, &place, b"x"), Err(CannotOpen));
        }
    }

    #[test]
    fn a_paper_is_cut_into_parts_that_fit_a_frame_and_make_the_whole_again() {
        let vault = Vault::new([7; 32]);
        let (public, private) = letterbox(&vault).unwrap();
        let private = vault.open(&private).unwrap();
        let id = id();
        for (size, expected) in [(1, 1), (PART_BYTES, 1), (PART_BYTES + 1, 2), (MOST_BYTES, 18)] {
            let whole: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let address = address("salt", &whole);
            let record = vault.seal_under(Kind::Paper, address.clone(), &whole).unwrap();
            let paper =
                Paper { address, kind: PaperKind::Lease, media_type: "application/pdf".into(), pages: 1, bytes: 0 };
            let (bytes, parts) = parts(&vault, &record, &id, Party::Guarantor, &public, &paper).unwrap();
            assert_eq!((usize::try_from(bytes).unwrap(), parts.len()), (size, expected));
            let of = u16::try_from(expected).unwrap();
            let opened = (1..=of).zip(&parts).flat_map(|(part, sealed)| {
                assert!(sealed.len() < channel::frame::Limits::SEND.message_bytes() - 4096, "{}", sealed.len());
                let place = Place { id: &id, to: Party::Guarantor, paper: &paper.address, part, of };
                open(&private, &place, &STANDARD.decode(sealed).unwrap()).unwrap()
            });
            assert_eq!(opened.collect::<Vec<u8>>(), whole);
        }
    }

    #[test]
    fn only_what_really_is_a_pdf_or_a_picture_is_taken() {
        let pdf: &[u8] = b"%PDF-1.7\n1 0 obj\n";
        let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let jpeg: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
        for (bytes, taken) in [
            (pdf, Some("application/pdf")),
            (png, Some("image/png")),
            (jpeg, Some("image/jpeg")),
            (b"<html><script>alert(1)</script>", None),
            (b"MZ\x90\0\x03\0\0\0", None),
            (b"PK\x03\x04", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), taken, "{bytes:?}");
        }
    }

    #[test]
    fn an_address_depends_on_salt_and_bytes() {
        assert_eq!(address("a", b"x"), address("a", b"x"));
        assert_ne!(address("a", b"x"), address("b", b"x"));
        assert_ne!(address("a", b"x"), address("a", b"y"));
    }
}

#!/usr/bin/python3
"""Reads caprock repositories, from the text of store/FORMAT.md alone.

This program shares no code with caprock: it shows that the format is documented, and that backups
outlive the program that made them. Simple comes before fast. Section numbers are FORMAT.md's.

Debian packages: python3-nacl, python3-zstandard, and python3-xxhash for `scrub`.
"""

import argparse
import collections
import datetime
import hashlib
import itertools
import json
import os
import re
import resource
import stat
import struct
import sys

import nacl.bindings as sodium
import nacl.exceptions
import nacl.pwhash
import zstandard

try:
    import xxhash
except ImportError:
    xxhash = None

OWNER, READ, PUT = 1, 2, 3
DATA, INLINE, LEAF, REFS, DNODE, LLIST, LNODE, XATTR, LINK, TEXT = range(1, 11)
LABELS = dict(zip(range(1, 11), "id-data id-inline id-leaf id-refs id-dnode id-llist id-lnode "
                                "id-xattr id-link id-text".split()))
KINDS = {1: "data", 2: "meta"}
FILE, DIRECTORY, SYMLINK, CHARDEV, BLOCKDEV, FIFO, SOCKET = range(1, 8)
TYPE_NAMES = dict(zip(range(1, 8), "file directory symlink chardev blockdev fifo socket".split()))
TYPE_BITS = dict(zip(range(1, 8), (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR,
                                   stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)))
MAX_CHUNK, SHARD, MIB, U64 = 262144, 65536, 1 << 20, (1 << 64) - 1
SOURCE_NAME = re.compile(rb"(?!\.)[A-Za-z0-9._-]{1,64}\Z")
HEX16, HEX32 = re.compile(r"[0-9a-f]{32}\Z"), re.compile(r"[0-9a-f]{64}\Z")
DECIMAL = r"[1-9][0-9]{0,19}"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CACHE_BYTES = 128 * MIB


class Problem(Exception):
    """A sentence for the user: what is wrong, and in which file."""


class Locked(Problem):
    """The key in use was not granted what it would take to open this."""


# ---- Section 3: notation and primitives --------------------------------------------------------

def hash_(label, data):
    """Hash(label, data) of section 3."""
    return hashlib.blake2b(data, digest_size=32, person=label.encode()).digest()


def kdf(key, label, data=b""):
    """Kdf(key, label, data) of section 3."""
    return hashlib.blake2b(data, digest_size=32, key=key, person=label.encode()).digest()


def unseal(key, nonce, ad, sealed, what):
    """Opens Seal(key, nonce, ad, plain) of section 3; `sealed` ends with the tag."""
    try:
        return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
            sealed, ad, bytes(12), kdf(key, "seal-key", nonce))
    except nacl.exceptions.CryptoError:
        raise Problem(f"{what} does not open: it is damaged, or was sealed under another key"
                      ) from None


def unbox(pair, sealed, what):
    """Opens Box(pk, plain) of section 3."""
    try:
        return sodium.crypto_box_seal_open(sealed, *pair)
    except nacl.exceptions.CryptoError:
        raise Problem(f"{what}: the sealed box does not open") from None


def verify(public, label, digest, signature, what):
    """Checks Sign(sk, label, digest) of section 3."""
    try:
        sodium.crypto_sign_open(signature + label.encode().ljust(16, b"\0") + digest, public)
    except (nacl.exceptions.CryptoError, ValueError):
        raise Problem(f"{what}: the signature does not verify") from None


class Cursor:
    """Reads the fields of a record in order, strictly (section 3)."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def need(self, condition, sentence):
        if not condition:
            raise Problem(f"{self.what}: {sentence}")

    def take(self, n):
        self.need(n <= len(self.data) - self.at, "it is shorter than it should be")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def u8(self, low=0, high=255, name="a byte"):
        value = self.number("B")
        self.need(low <= value <= high, f"{name} must be {low} to {high}, not {value}")
        return value

    def constant(self, value, name):
        self.need(self.take(len(value)) == value, f"the {name} is not what it should be")

    def zero(self, n):
        self.need(not any(self.take(n)), "a reserved field is not zero")

    def varint(self, low=0, high=U64, name="a number"):
        value = 0
        for i in range(10):
            byte = self.number("B")
            value |= (byte & 127) << (7 * i)
            if byte < 128:
                self.need(value <= U64 and (byte or i == 0), "a varint is not in its shortest form")
                self.need(low <= value <= high, f"{name} must be {low} to {high}, not {value}")
                return value
        raise Problem(f"{self.what}: a varint is longer than 10 bytes")

    def svarint(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def string(self, low=0, high=U64, name="a string"):
        return self.take(self.varint(low, high, f"the length of {name}"))

    def flags(self, known, name):
        value = self.varint()
        self.need(not value & ~known, f"{name} has unknown bits: {value:#x}")
        return value

    def end(self):
        self.need(self.at == len(self.data), "bytes follow its last field")


def read_file(path, limit):
    """The bytes of an object that is at most `limit` long."""
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Problem(f"{path} is longer than {limit} bytes")
    return data


def names_in(path):
    """The names in a folder, temporary ones left out (section 11); none where there is none."""
    try:
        return sorted(n for n in os.listdir(path) if not n.startswith(".tmp-"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def sealed_object(data, head, cur, at, label, hash_label):
    """Splits `u32 length, nonce, ciphertext, tag, signature`, which end slots, rosters and
    manifests, from cursor `cur`; gives (ad, nonce, sealed, a function that checks the signature).
    """
    length = cur.number("I")
    ad = data[:cur.at]
    nonce, sealed, signature = cur.take(24), cur.take(length + 16), cur.take(64)
    cur.end()
    digest = hash_(hash_label, data[:-64])
    return ad, nonce, sealed, lambda public: verify(public, label, digest, signature, head + at)


# ---- Section 4: repository, slots, rosters -----------------------------------------------------

def parse_bundle(plain, what):
    """A key's bundle (4.2)."""
    cur = Cursor(plain, what)
    cur.u8(1, 1, "the bundle's version")
    bundle = {"role": cur.u8(1, 3, "the role"), "key": cur.take(16), "repository": cur.take(32)}
    if bundle["role"] == OWNER:
        bundle["S"] = cur.take(32)
    else:
        for field in ("ed-seed", "x-seed", "owner", "roster-key"):
            bundle[field] = cur.take(32)
    cur.end()
    return bundle


def crockford_bits(symbols, what):
    """The value of base 32 symbols, as a string of bits."""
    try:
        return "".join(f"{CROCKFORD.index(s):05b}" for s in symbols)
    except ValueError:
        raise Problem(f"{what} has a symbol that does not occur in paper keys") from None


def read_paper(path):
    """The bundle of a typed paper key (4.2)."""
    symbols, count = "", 0
    for line in read_file(path, MIB).decode("utf-8", "replace").splitlines():
        match = re.match(r"([0-9]{2}):(.*)\Z", re.sub(r"\s", "", line).upper())
        if not match:
            continue
        count += 1
        text = match[2].translate(str.maketrans("OIL", "011"))
        body, what = text[:-2], f"{path}: line {match[1]} of the paper key"
        if int(match[1]) != count or not 1 <= len(body) <= 24:
            raise Problem(f"{what} is out of order, or too long or short")
        digest = hash_("paper-line", (match[1] + body).encode("ascii", "replace"))
        if f"{int.from_bytes(digest[:2], 'big') >> 6:010b}" != crockford_bits(text[-2:], what):
            raise Problem(f"{what} has a typing error")
        if len(symbols) % 24:
            raise Problem(f"{path}: a line before {match[1]} of the paper key is incomplete")
        symbols += body
    bits = crockford_bits(symbols, path)
    whole = len(bits) // 8 * 8
    data = int(bits[:whole] or "0", 2).to_bytes(whole // 8, "big")
    if len(bits) - whole >= 5 or "1" in bits[whole:] or hash_("paper", data[:-4])[:4] != data[-4:]:
        raise Problem(f"{path}: the paper key as a whole does not match its checksum")
    return parse_bundle(data[:-4], f"the paper key in {path}")


class Keys:
    """`repository`, the bundle, the roster, and what they open (section 4)."""

    def __init__(self, root, args):
        self.root = root
        self.read_repository()
        self.slots, self.slot_problems = {}, []
        for name in names_in(f"{root}/keys"):
            if name != "roster":
                try:
                    self.slots[name] = self.read_slot(name)
                except Problem as problem:
                    self.slot_problems.append(str(problem))
        slot = None
        if args.paper:
            bundle = read_paper(args.paper)
        elif args.key_file:
            slot, bundle = self.open_with_file(args.key_file)
        elif args.passphrase_file:
            slot, bundle = self.open_with_passphrase(args.passphrase_file)
        else:
            raise Problem("this command needs --passphrase-file, --key-file or --paper")
        if bundle["repository"] != self.hash:
            raise Problem(f"{root}/repository is not the one that this key was made for")
        self.use_bundle(bundle)
        self.read_rosters()
        self.admit(bundle)
        if slot:
            slot["verify"](self.members[bundle["key"]]["ed"])

    def read_repository(self):
        """4.1."""
        data = read_file(f"{self.root}/repository", 92)
        cur = Cursor(data, f"{self.root}/repository")
        cur.constant(b"caprockR", "magic")
        cur.need(cur.number("I") == 1, "this format version is not known")
        self.repo_id = cur.take(16)
        cur.need(cur.number("Q") == 0, "it has read flags that are not known")
        cur.number("Q")
        cur.constant(struct.pack("<HHHH", 1, 1, 1, 0), "suite, chunker or whole-file hash")
        cur.number("q")
        cur.constant(hash_("repository-sum", data[:cur.at]), "checksum")
        cur.end()
        self.hash = hash_("repository", data)

    def read_slot(self, name):
        """4.2."""
        path = f"{self.root}/keys/{name}"
        data = read_file(path, 4096)
        cur = Cursor(data, path)
        cur.need(HEX16.match(name), "this is no name of a key slot")
        cur.constant(b"caprockK" + struct.pack("<I", 1) + self.repo_id + bytes.fromhex(name),
                     "magic, version, repository id or slot id")
        slot = {"path": path, "id": bytes.fromhex(name), "key": cur.take(16),
                "method": cur.u8(1, 2, "the method"), "role": cur.u8(1, 3, "the role")}
        cur.zero(2)
        slot["passes"], slot["mib"] = cur.number("I"), cur.number("I")
        slot["salt"] = cur.take(16)
        slot["commitment"] = cur.take(32)
        if slot["method"] == 1:
            cur.need(1 <= slot["passes"] <= 20 and 64 <= slot["mib"] <= 4096,
                     "its Argon2id parameters are out of bounds")
        else:
            cur.need(slot["passes"] == slot["mib"] == 0 and not any(slot["salt"]),
                     "a reserved field is not zero")
        slot["ad"], slot["nonce"], slot["sealed"], slot["verify"] = sealed_object(
            data, path, cur, "", "sign-slot", "slot")
        return slot

    def open_slot(self, slot, wrap):
        if kdf(wrap, "slot-commit", slot["id"]) != slot["commitment"]:
            raise Problem(f"{slot['path']}: another key wrapped it")
        plain = unseal(wrap, slot["nonce"], slot["ad"], slot["sealed"], slot["path"])
        bundle = parse_bundle(plain, slot["path"])
        if (bundle["key"], bundle["role"]) != (slot["key"], slot["role"]):
            raise Problem(f"{slot['path']}: its head and its bundle name different keys")
        return slot, bundle

    def open_with_file(self, path):
        match = re.match(rb"caprock-key-1 ([0-9a-f]{32}) ([0-9a-f]{64})\n?\Z", read_file(path, 200))
        if not match:
            raise Problem(f"{path} is not a key file")
        slot = self.slots.get(match[1].decode())
        if not slot or slot["method"] != 2:
            raise Problem(f"{self.root}/keys/{match[1].decode()}, the slot of {path}, is missing "
                          "or damaged")
        return self.open_slot(slot, kdf(bytes.fromhex(match[2].decode()), "slot-file", slot["id"]))

    def open_with_passphrase(self, path):
        phrase = read_file(path, MIB)
        phrase = phrase[:-1] if phrase.endswith(b"\n") else phrase
        for slot in self.slots.values():
            if slot["method"] == 1:
                wrap = nacl.pwhash.argon2id.kdf(32, phrase, slot["salt"], slot["passes"],
                                                slot["mib"] * MIB)
                try:
                    return self.open_slot(slot, wrap)
                except Problem:
                    continue
        raise Problem(f"the passphrase in {path} opens no key slot of {self.root}")

    def use_bundle(self, bundle):
        """The secrets that follow from a bundle (4)."""
        self.role, self.key, self.secret = bundle["role"], bundle["key"], bundle.get("S")
        if self.role == OWNER:
            self.roster_key = kdf(self.secret, "roster")
            ed_seed, x_seed = kdf(self.secret, "owner-sign"), kdf(self.secret, "owner-box")
        else:
            self.roster_key, ed_seed, x_seed = (bundle[f] for f in ("roster-key", "ed-seed",
                                                                    "x-seed"))
        self.ed = sodium.crypto_sign_seed_keypair(ed_seed)[0]
        self.pair = sodium.crypto_box_seed_keypair(x_seed)
        self.owner = self.ed if self.role == OWNER else bundle["owner"]

    def read_rosters(self):
        """4.3: every roster; only the one in force must be intact."""
        folder = f"{self.root}/keys/roster"
        newest = max((int(n) for n in names_in(folder) if re.match(r"[1-9][0-9]*\Z", n)), default=0)
        if not newest:
            raise Problem(f"{folder}: there is no roster")
        before = bytes(32)
        for n in range(1, newest + 1):
            try:
                before = self.read_roster(f"{folder}/{n}", n, before)
            except (OSError, Problem) as problem:
                if n == newest:
                    raise
                complain(problem)
                before = None

    def read_roster(self, path, n, before):
        """Roster n, which follows the one with the hash `before` (None: not known)."""
        data = read_file(path, MIB)
        cur = Cursor(data, path)
        cur.constant(b"caprockO" + struct.pack("<I", 1) + self.repo_id + struct.pack("<Q", n),
                     "magic, version, repository id or number")
        if before is None:
            cur.take(32)
        else:
            cur.constant(before, "hash of the roster before it")
        ad, nonce, sealed, check = sealed_object(data, path, cur, "", "sign-roster", "roster-sig")
        check(self.owner)
        self.parse_roster(unseal(self.roster_key, nonce, ad, sealed, path), path)
        return hash_("roster", data)

    def parse_roster(self, body, path):
        """4.3: the body. The last one parsed stays."""
        cur = Cursor(body, path)
        cur.constant(self.hash, "repository hash")
        cur.number("q")
        self.path, self.domains, self.members = path, {}, {}
        epochs = cur.varint(1, 1024, "the number of epochs")
        self.epochs = {e: (cur.take(32), cur.take(32)) for e in range(1, epochs + 1)}
        last = None
        for _ in range(cur.varint(0, 1024, "the number of domains")):
            name = cur.take(16)
            cur.need(last is None or name > last, "its domains are not in order")
            last, self.domains[name] = name, (cur.varint(1, epochs, "an epoch"), cur.take(80))
        granted = set()
        for i in range(cur.varint(1, 1024, "the number of keys")):
            name = cur.take(16)
            cur.need(name not in self.members, "a key is in it twice")
            member = {"role": cur.u8(1, 3, "a role"), "ed": cur.take(32), "x": cur.take(32),
                      "label": cur.string(0, 64, "a label"), "domain": cur.take(16),
                      "sources": [cur.string(1, 64, "a source") for _ in range(cur.varint())],
                      "revoked": None}
            cur.need((member["role"] == OWNER) == (i == 0), "the owner is not its first key")
            cur.need(member["domain"] in self.domains if member["role"] != READ
                     else not any(member["domain"]), "a key names a domain that is not listed")
            if cur.u8(0, 1, "a revocation"):
                member["revoked"] = cur.take(16), cur.varint(), cur.take(32)
                cur.need(i, "the owner is revoked")
            member["grant"] = cur.string(name="a grant")
            cur.need(not member["grant"] or not (i == 0 or member["revoked"]),
                     "a key that needs no grant has one")
            for source in member["sources"]:
                cur.need(SOURCE_NAME.match(source), "a source has a name that is not allowed")
                if member["role"] == PUT and not member["revoked"]:
                    cur.need(source not in granted, "a source is granted to two keys")
                    granted.add(source)
            self.members[name] = member
        cur.end()

    def admit(self, bundle):
        """What the roster grants to the key in use: secrets of epochs and of domains."""
        me = self.members.get(self.key)
        if not me:
            raise Problem(f"{self.path} does not list this key")
        if (me["role"], me["ed"], me["x"]) != (self.role, self.ed, self.pair[0]):
            raise Problem(f"{self.path} says other things of this key than the key itself")
        if next(iter(self.members.values()))["ed"] != self.owner:
            raise Problem(f"{self.path}: the owner is not the one that this key knows")
        if me["revoked"]:
            raise Problem("this key is revoked")
        if self.role == PUT:
            raise Problem("this key may only write; a read key or the owner's is needed")
        seeds = {}
        if self.role == OWNER:
            for epoch in self.epochs:
                seeds[epoch] = [kdf(self.secret, label, struct.pack("<I", epoch))
                                for label in ("epoch-meta", "epoch-data", "epoch-psk")]
        else:
            cur = Cursor(unbox(self.pair, me["grant"], self.path), f"{self.path}: the grant")
            for _ in range(cur.varint(0, 1024, "the number of epochs")):
                epoch = cur.varint(1, len(self.epochs), "an epoch")
                cur.need(epoch not in seeds, "an epoch is granted twice")
                seeds[epoch] = [cur.take(32), cur.take(32), cur.take(32)]
            cur.end()
        self.opened = {}
        for epoch, (meta, data, psk) in seeds.items():
            pairs = sodium.crypto_box_seed_keypair(meta), sodium.crypto_box_seed_keypair(data)
            if (pairs[0][0], pairs[1][0]) != self.epochs[epoch]:
                raise Problem(f"{self.path}: the keys of epoch {epoch} do not fit their seeds")
            self.opened[epoch] = {"meta": pairs[0], "data": pairs[1], "psk": psk}
        self.secrets = {}
        for name, (epoch, box) in self.domains.items():
            if epoch in self.opened:
                self.secrets[name] = unbox(self.opened[epoch]["meta"], box, self.path)
                if self.secret and self.secrets[name] != kdf(self.secret, "domain", name):
                    raise Problem(f"{self.path}: the secret of a domain is not the owner's")

    def writer(self, key, what):
        """The roster's entry of a key that may sign packs and manifests."""
        member = self.members.get(key)
        if not member or member["role"] == READ:
            raise Problem(f"{what}: key {key.hex()} is not admitted as a writer")
        return member

    def epoch(self, number, what):
        if number not in self.opened:
            raise Locked(f"{what}: epoch {number} is not granted to this key")
        return self.opened[number]

    def domain_key(self, domain, label, what):
        if domain not in self.secrets:
            raise Locked(f"{what}: domain {domain.hex()} is not granted to this key")
        return kdf(self.secrets[domain], label)

    def may_sign(self, key, source):
        """Whether the roster grants a source to a writer (4.3)."""
        member = self.members[key]
        if member["role"] == PUT or member["sources"]:
            return source in member["sources"]
        return all(source not in m["sources"] for m in self.members.values()
                   if not m["revoked"])


# ---- Sections 6 and 7: packs and segments ------------------------------------------------------

class Block:
    """A row of a footer."""

    def __init__(self, cur, kind):
        self.coding = cur.u8(0, 1, "a block's coding")
        self.payload = cur.varint(1, 4194304, "a payload length")
        self.raw = cur.varint(1, 2097152, "a raw length")
        self.nonce, self.tag, self.hash = cur.take(24), cur.take(16), cur.take(32)
        low, high = (DATA, INLINE) if kind == 1 else (LEAF, TEXT)
        self.chunks = [(cur.u8(low, high, "a chunk's type"), cur.take(32))
                       for _ in range(cur.varint(0, 65535, "the number of chunks"))]
        if self.chunks:
            self.stored = -(-self.payload // 4096) * 4096
            cur.need(self.payload <= 2097152, "a payload is longer than 2 MiB")
            cur.need(self.payload < self.raw if self.coding else self.payload == self.raw,
                     "a block's payload and raw lengths do not agree")
        else:
            self.stored = self.payload
            cur.need(self.coding == 0 and self.raw == 1, "a padding block is not well-formed")


class Pack:
    """Header and footer, from the pack itself or from a segment, with all that 6 says of them."""

    def __init__(self, keys, path, size, header, sealed):
        self.keys, self.path, self.size, self.header, self.sealed = keys, path, size, header, sealed
        cur = Cursor(header, path)
        cur.constant(b"caprockP" + struct.pack("<IH", 1, 1), "magic, version or suite")
        self.kind = cur.u8(1, 2, "the kind")
        cur.zero(1)
        cur.constant(keys.repo_id, "repository id")
        self.id, self.writer, self.domain = cur.take(16), cur.take(16), cur.take(16)
        self.epoch = cur.number("I")
        cur.zero(4)
        box = cur.take(80)
        cur.zero(88)
        cur.end()
        member = keys.writer(self.writer, path)
        epoch = keys.epoch(self.epoch, path)
        z = unbox(epoch[KINDS[self.kind]], box, path)
        self.data_key = kdf(epoch["psk"], "pack-key", z + keys.repo_id + self.id)
        footer_key = kdf(keys.domain_key(self.domain, "dom-footer", path), "footer-key", self.id)
        self.id_key = keys.domain_key(self.domain, "dom-id", path)
        cur.need(40 <= len(sealed) <= 64 * MIB, "the footer's length is out of bounds")
        footer = unseal(footer_key, sealed[:24], header, sealed[24:], f"{path}: the footer")
        cur = Cursor(footer, f"{path}: the footer")
        commitment = cur.take(32)
        cur.need(commitment == kdf(self.data_key, "pack-commit", self.id),
                 "it does not commit to the key of the pack")
        self.blocks, at = [], 256
        for _ in range(cur.varint(1, 65536, "the number of blocks")):
            block = Block(cur, self.kind)
            block.offset, at = at, at + block.stored
            self.blocks.append(block)
        body = footer[:cur.at]
        signed = (struct.pack("<IHB", 1, 1, self.kind) + keys.repo_id + self.id + self.writer
                  + hash_("pack-header", header) + commitment + hash_("footer-body", body))
        verify(member["ed"], "sign-footer", hash_("footer-sig", signed), cur.take(64), path)
        cur.end()
        at += len(sealed)
        cur.need(size == at + 8 * -(-at // SHARD) + 288, "the pack is not as long as it should be")

    def read_block(self, number):
        """Section 6, Block: the chunks of a block as a list of bytes."""
        block, what = self.blocks[number], f"{self.path}: block {number}"
        with open(self.path, "rb") as file:
            file.seek(block.offset)
            stored = file.read(block.stored)
        shards = b"".join(hash_("stored-shard", stored[i:i + SHARD])
                          for i in range(0, len(stored), SHARD))
        cur = Cursor(b"", what)
        cur.need(len(stored) == block.stored and hash_("stored", shards) == block.hash,
                 "it is not what was stored")
        ad = self.keys.repo_id + self.id + struct.pack(
            "<IBBII", number, self.kind, block.coding, block.payload, block.raw)
        plain = unseal(self.data_key, block.nonce, ad, stored + block.tag, what)
        cur.need(not any(plain[block.payload:]), "what follows the payload is not zero")
        payload = plain[:block.payload]
        if not block.chunks:
            cur.need(not any(payload), "a padding block is not zero")
            return []
        raw = unzstd(payload, block.raw, cur) if block.coding else payload
        cur = Cursor(raw, what)
        count = cur.varint()
        cur.need(count == len(block.chunks), "it has another number of chunks than its footer")
        lengths = [cur.varint(1, MAX_CHUNK, "a chunk's length") for _ in range(count)]
        chunks = [cur.take(n) for n in lengths]
        cur.end()
        return chunks

    def open_chunk(self, number, slot, data):
        """Section 5: the content of a chunk (for metadata, the hashed bytes), once it is proved."""
        kind, name = self.blocks[number].chunks[slot]
        if kind > INLINE:
            cur = Cursor(data, f"{self.path}: block {number}, chunk {slot}")
            data = cur.string(name="a metadata object")
        if kdf(self.id_key, LABELS[kind], data) != name:
            raise Problem(f"{self.path}: block {number}: the bytes of chunk {slot} do not have "
                          f"the id {name.hex()}")
        return data


def unzstd(payload, raw, cur):
    """One zstd frame, without checksum or dictionary, window at most 2 MiB (6, Block)."""
    try:
        params = zstandard.get_frame_parameters(payload)
        at, last = zstandard.frame_header_size(payload), 0
        cur.need(payload[:4] == b"\x28\xb5\x2f\xfd" and not params.has_checksum
                 and not params.dict_id and params.window_size <= 2097152
                 and params.content_size in (raw, zstandard.CONTENTSIZE_UNKNOWN),
                 "its zstd frame is not of the form that is allowed")
        while not last:
            head = int.from_bytes(payload[at:at + 3], "little")
            last = head & 1
            at += 3 + (1 if head >> 1 & 3 == 1 else head >> 3)
            cur.need(at <= len(payload), "its zstd frame is cut off")
        cur.need(at == len(payload), "bytes follow its zstd frame")
        plain = zstandard.ZstdDecompressor(max_window_size=2097152).stream_reader(
            payload).read(raw + 1)
    except zstandard.ZstdError:
        raise Problem(f"{cur.what}: it does not decompress") from None
    cur.need(len(plain) == raw, "it decompresses to another length than its footer says")
    return plain


def read_trailer(path):
    """Section 6, Trailer: (size, both headers, sealed footer, XXH3 of shards, what is wrong)."""
    with open(path, "rb") as file:
        header = file.read(256)
        size = file.seek(0, os.SEEK_END)
        cur = Cursor(b"", f"{path}: the trailer")
        cur.need(256 + 40 + 8 + 288 <= size <= 256 * MIB, "the size of the pack is out of bounds")
        file.seek(size - 32)
        end = file.read(32)
        offset, length, n, check = struct.unpack("<QIIQ", end[:24])
        cur.need(end[24:] == b"caprockT", "its magic is missing")
        cur.need(256 <= offset <= size and offset + length + 8 * n + 288 == size
                 and n == -(-(offset + length) // SHARD), "its lengths do not add up")
        file.seek(offset)
        sealed, shards, again = file.read(length), file.read(8 * n), file.read(256)
        problems = []
        if again != header:
            problems.append("the two copies of the header differ")
        if xxhash and xxhash.xxh3_64_intdigest(shards + again + end[:16]) != check:
            problems.append("the trailer does not match its checksum")
    return size, (header, again), sealed, struct.unpack(f"<{n}Q", shards), problems


def scan_packs(root):
    """Yields (path, pack id or None where the name is not a pack's) of all packs."""
    for kind in ("data", "meta"):
        for sub in names_in(f"{root}/packs/{kind}"):
            for name in names_in(f"{root}/packs/{kind}/{sub}"):
                good = HEX16.match(name) and name[:2] == sub
                yield f"{root}/packs/{kind}/{sub}/{name}", bytes.fromhex(name) if good else None


def read_segment(root, name, repo_id=None):
    """Section 7: writer and [(size, header, sealed footer)]. Without repo_id, the name alone."""
    path = f"{root}/index/{name}"
    data = read_file(path, 128 * MIB)
    cur = Cursor(data, path)
    cur.need(HEX32.match(name) and hash_("segment", data).hex() == name,
             "its bytes do not have the hash that is its name")
    if repo_id is None:
        return None
    cur.constant(b"caprockI" + struct.pack("<I", 1) + repo_id, "magic, version or repository id")
    writer, rows = cur.take(16), []
    for _ in range(cur.number("I")):
        size, header = cur.number("Q"), cur.take(256)
        rows.append((size, header, cur.take(cur.number("I"))))
    cur.need(1 <= len(rows) <= 65536, "its number of packs is out of bounds")
    cur.end()
    return writer, rows


# ---- Section 10: manifests ---------------------------------------------------------------------

class Manifest:
    """One file under snapshots/. state: "ok", "damaged", "locked" or "revoked"."""

    def __init__(self, keys, writer, name):
        self.path = f"{keys.root}/snapshots/{writer}/{name}"
        self.state, self.why, self.source, self.prev, self.time = "damaged", "", b"", None, 0
        self.entries = self.bytes = 0
        self.received = os.stat(self.path).st_mtime
        self.incarnation = self.seq = None
        match = re.match(rf"([0-9a-f]{{32}})-({DECIMAL})\Z", name)
        data = b""
        try:
            data = read_file(self.path, 131072)
            if not match or not HEX16.match(writer):
                raise Problem(f"{self.path}: this is no name of a manifest")
            self.incarnation, self.seq = bytes.fromhex(match[1]), int(match[2])
            self.writer = bytes.fromhex(writer)
            self.parse_head(keys, data)
        except (Problem, OSError) as problem:
            self.state = "locked" if isinstance(problem, Locked) else "damaged"
            self.why = str(problem)
        self.id = hash_("manifest", data)

    def parse_head(self, keys, data):
        cur = Cursor(data, self.path)
        cur.need(self.seq <= U64, "its number is out of bounds")
        cur.constant(b"caprockM" + struct.pack("<IHH", 1, 1, 0) + keys.repo_id + self.writer
                     + self.incarnation + struct.pack("<Q", self.seq),
                     "magic, version, suite, repository id or name")
        prev, time, epoch, box = cur.take(32), cur.number("q"), cur.number("I"), cur.take(80)
        member = keys.writer(self.writer, self.path)
        ad, nonce, sealed, check = sealed_object(data, self.path, cur, "", "sign-manifest",
                                                 "manifest-sig")
        check(member["ed"])
        self.prev, self.time = prev, time
        opened = keys.epoch(epoch, self.path)
        z = unbox(opened["meta"], box, self.path)
        key = kdf(opened["psk"], "manifest-key", z + keys.repo_id + self.writer
                  + self.incarnation + struct.pack("<Q", self.seq))
        self.parse_body(keys, unseal(key, nonce, ad, sealed, self.path))
        cur.need(keys.may_sign(self.writer, self.source),
                 f"the source {self.source.decode()} is not granted to its writer")
        self.state = "ok"

    def parse_body(self, keys, body):
        cur = Cursor(body, self.path)
        cur.constant(keys.hash, "repository hash")
        source = cur.string(1, 64, "the source")
        cur.need(SOURCE_NAME.match(source), "the source has a name that is not allowed")
        self.host, self.user = cur.string(0, 255), cur.string(0, 255)
        self.began = cur.number("q"), cur.number("I")
        cur.need(self.began[1] < 10**9, "nanoseconds are out of bounds")
        self.ended, self.domain = cur.number("q"), cur.take(16)
        self.paths, self.tags, self.options = (
            [cur.string() for _ in range(cur.varint())] for _ in range(3))
        self.flags = cur.flags(127, "the flags")
        self.entries, self.files, self.directories, self.bytes = (cur.varint() for _ in range(4))
        self.changes = [cur.varint() for _ in range(5)]
        self.warning_count = cur.varint()
        self.texts = [self.parse_text(cur) for _ in range(4)]
        owners = [(cur.varint(0, 2**32 - 1, "a uid"), cur.varint(0, 2**32 - 1, "a gid"))]
        self.root = Entry(cur, owners, root=True)
        if self.root.content:
            self.root.ref = cur.take(32)
        if cur.u8(0, 1, "the hint"):
            cur.take(16), cur.varint(), cur.varint()
        self.segments = [cur.take(32) for _ in range(cur.varint())]
        cur.end()
        self.source = source

    @staticmethod
    def parse_text(cur):
        """A text: the string, or the list of ids of its pieces."""
        if cur.u8(0, 1, "a text's form") == 0:
            return cur.string()
        return [cur.take(32) for _ in range(cur.varint(0, 512, "the number of pieces"))]


# ---- Section 8: trees --------------------------------------------------------------------------

def parse_xattrs(data, what):
    """A set of extended attributes: {name: value}."""
    cur, last, found = Cursor(data, what), b"", {}
    for _ in range(cur.varint(1, 65536, "the number of extended attributes")):
        name = cur.string(1, 255, "an extended attribute's name")
        cur.need(name > last and 0 not in name, "its extended attributes are not in order")
        last, found[name] = name, cur.string()
    cur.end()
    return found


class Entry:
    """One entry of a leaf, or the root's in a manifest."""

    def __init__(self, cur, owners, root=False):
        self.name = cur.string(0 if root else 1, 0 if root else 255, "a name")
        cur.need(self.name not in (b".", b"..") and b"/" not in self.name and 0 not in self.name,
                 "an entry has a name that is not allowed")
        self.what = f"{cur.what}: {show(self.name)}"
        self.type = cur.u8(1, 7, "an entry's type")
        cur.need(not root or self.type == DIRECTORY, "the root is not a directory")
        self.marks, self.has = cur.flags(7, "the marks"), cur.flags(31, "what an entry has")
        self.mode = cur.varint(0, 0o7777, "a mode")
        self.owner = cur.varint(0, len(owners) - 1, "an owner")
        self.uid, self.gid = owners[self.owner]
        self.size = cur.varint(0, 2**63 - 1, "a size")
        self.mtime = cur.svarint(), cur.varint(0, 10**9 - 1, "nanoseconds")
        self.ctime = cur.svarint(), cur.varint(0, 10**9 - 1, "nanoseconds")
        self.nlink = cur.varint(1, 2**32 - 1, "a count of links")
        self.group = cur.take(16) if self.has & 4 else None
        self.inode_flags = cur.varint(0, 2**32 - 1, "inode flags") if self.has & 8 else None
        self.data_bytes = cur.varint(0, self.size, "the bytes of data") if self.has & 16 else None
        self.xattrs = parse_xattrs(cur.string(1, 256, "xattrs"), cur.what) if self.has & 1 else {}
        self.xattr_id = cur.take(32) if self.has & 2 else None
        self.content, self.klass, self.target, self.link_id = 0, None, None, None
        self.major, self.minor, self.ref, self.inline = None, None, None, None
        if self.type == FILE:
            self.content = cur.u8(0, 4, "a file's content")
            self.klass = cur.u8(1, 5, "a class") if self.content > 1 else None
        elif self.type == DIRECTORY:
            self.content = cur.u8(0, 2, "a directory's content")
        elif self.type == SYMLINK:
            if cur.u8(0, 1, "a symlink's form"):
                self.link_id = cur.take(32)
            else:
                self.target = cur.string(1, 256, "a symlink's target")
        elif self.type in (CHARDEV, BLOCKDEV):
            self.major = cur.varint(0, 2**32 - 1, "a device number")
            self.minor = cur.varint(0, 2**32 - 1, "a device number")
        self.check(cur)

    def check(self, cur):
        """What one entry's fields say of each other."""
        cur.need(self.has & 3 != 3, "an entry has extended attributes twice")
        cur.need(not self.has & 4 or (self.type != DIRECTORY and self.nlink > 1),
                 "a link group stands where none can be")
        cur.need(not self.has & 16 or self.type == FILE, "something else than a file has holes")
        cur.need(not self.marks & 4 or (self.type == DIRECTORY and self.content == 0),
                 "a mount point is not an empty directory")
        if self.type == FILE:
            low, high = ((0, 0), (1, 256), (1, MAX_CHUNK))[min(self.content, 2)]
            if self.content > 2:
                low, high = 1, 2**63 - 1
            cur.need(low <= self.size <= high, "a file's size does not fit its content")
        elif self.type == SYMLINK:
            cur.need(self.link_id or len(self.target) == self.size and 0 not in self.target,
                     "a symlink's target is not well-formed")
        elif self.type != DIRECTORY:
            cur.need(self.size == 0, "a special file has a size")


class Repository:
    """Manifests, the index of all chunks, and the trees."""

    def __init__(self, root, args):
        self.keys, self.root = Keys(root, args), root
        self.alarms, self.warnings = [], []
        self.manifests = [Manifest(self.keys, writer, name)
                          for writer in names_in(f"{root}/snapshots")
                          for name in names_in(f"{root}/snapshots/{writer}")]
        self.mark_revoked()
        self.check_chains()
        self.index, self.cache, self.cached = None, collections.OrderedDict(), 0

    # Section 10, "Which manifests count".

    def mark_revoked(self):
        for key, member in self.keys.members.items():
            if member["revoked"]:
                incarnation, seq, name = member["revoked"]
                mine = {m.id: m for m in self.manifests if m.prev is not None and m.writer == key}
                counting, at = set(), mine.get(name) if seq else None
                if at and (at.incarnation, at.seq) != (incarnation, seq):
                    raise Problem(f"{self.keys.path} names {at.path} by another number")
                while at and at not in counting:
                    counting.add(at)
                    at = mine.get(at.prev)
                for m in mine.values():
                    if m not in counting:
                        m.state, m.why = "revoked", f"{m.path}: its writer is revoked"

    def check_chains(self):
        """Gaps, wrong predecessors and equal times: the storage has been tampered with."""
        chains, times, ids = collections.defaultdict(dict), {}, {}
        for m in self.manifests:
            if m.seq and m.state != "revoked":
                chains[m.writer, m.incarnation][m.seq] = m
                ids.setdefault(m.writer, {bytes(32)}).add(m.id)
            if m.state == "ok" and times.setdefault((m.source, m.time), m) is not m:
                self.alarms.append(f"{m.path} has the source and time of another snapshot")
        damaged = {m.writer for m in self.manifests if m.seq and m.prev is None}
        for (writer, incarnation), chain in chains.items():
            folder, at = f"{self.root}/snapshots/{writer.hex()}/{incarnation.hex()}", 0
            for seq, m in sorted(chain.items()):
                if seq != at + 1:
                    self.alarms.append(f"{folder}-{at + 1} is missing"
                                       + (f", and all up to -{seq - 1}" if seq > at + 2 else ""))
                before, at = chain.get(seq - 1), seq
                if m.prev is None or (before and before.prev is None):
                    continue
                if before and m.prev != before.id:
                    self.alarms.append(f"{m.path} does not follow on {before.path}")
                if seq == 1 and m.prev not in ids[writer] and writer not in damaged:
                    self.alarms.append(f"{m.path}: the snapshot before it is missing")

    def select(self, text):
        """A snapshot by id prefix, `latest`, SOURCE@latest or SOURCE@TIME."""
        source, at, when = text.rpartition("@")
        found = [m for m in self.manifests if m.state == "ok"
                 and (not at or m.source == source.encode())]
        if when == "latest":
            # Section 10: what was dated ahead only where there is nothing else.
            found = sorted(found, key=lambda m: (m.time <= m.received + 3600, m.time))[-1:]
        elif at:
            found = [m for m in found if show_time(m.time) == when]
        else:
            found = [m for m in self.manifests if text and m.id.hex().startswith(text.lower())]
        if len(found) != 1:
            raise Problem(f"{len(found) or 'no'} snapshots are called {text}")
        if found[0].state != "ok":
            raise Problem(found[0].why)
        return found[0]

    # Finding chunks.

    def load_index(self):
        """The map (domain, id) -> [(pack, block, slot)], from segments, then from packs."""
        self.index, self.rows, self.listed = {}, {}, {}
        for name in names_in(f"{self.root}/index"):
            try:
                writer, packs = read_segment(self.root, name, self.keys.repo_id)
                for row in packs:
                    self.rows.setdefault(row[1][32:48], []).append(row)
                    self.listed.setdefault((bytes.fromhex(name), writer), []).append(row[1:])
            except (Problem, OSError) as problem:
                self.warnings.append(str(problem))
        counting = {(s, m.writer) for m in self.manifests if m.state == "ok" for s in m.segments}
        self.vouched = {row for key, found in self.listed.items() if key in counting
                        for row in found}
        for path, name in scan_packs(self.root):
            if name is None:
                self.warnings.append(f"{path}: this is no name of a pack")
                continue
            try:
                self.add_pack(self.load_pack(path, name))
            except Locked:
                continue
            except (Problem, OSError) as problem:
                self.warnings.append(str(problem))

    def load_pack(self, path, name):
        """A pack by the footer that a segment has of it, or by its own."""
        def own(copy):
            size, headers, sealed, _, _ = read_trailer(path)
            return self.named(Pack(self.keys, path, size, headers[copy], sealed), name)
        tries = [lambda row=row: self.named(Pack(self.keys, path, *row), name)
                 for row in self.rows.get(name, [])]
        first = None
        for attempt in tries + [lambda: own(0), lambda: own(1)]:
            try:
                return attempt()
            except Problem as problem:
                first = first or problem
        raise first

    def named(self, pack, name):
        """Refuses packs that do not bear the name of their file, or whose writer is revoked."""
        if pack.id != name or f"/packs/{KINDS[pack.kind]}/" not in pack.path:
            raise Problem(f"{pack.path}: the header names another pack or kind")
        if self.keys.members[pack.writer]["revoked"] and (
                (pack.header, pack.sealed) not in self.vouched):
            raise Locked(f"{pack.path}: its writer is revoked, and no snapshot that counts "
                         "vouches for it")
        return pack

    def add_pack(self, pack):
        for number, block in enumerate(pack.blocks):
            for slot, (_, name) in enumerate(block.chunks):
                self.index.setdefault((pack.domain, name), []).append((pack, number, slot))

    def block(self, pack, number):
        """The chunks of a block, from the cache of those used last."""
        chunks = self.cache.pop((pack, number), None)
        if chunks is None:
            chunks = pack.read_block(number)
            self.cached += pack.blocks[number].raw
        self.cache[pack, number] = chunks
        while self.cached > CACHE_BYTES and len(self.cache) > 1:
            (old, old_number), _ = self.cache.popitem(last=False)
            self.cached -= old.blocks[old_number].raw
        return chunks

    def places(self, domain, name, types):
        """The places of a chunk; a Problem where there are none."""
        if self.index is None:
            self.load_index()
        found = [p for p in self.index.get((domain, name), [])
                 if p[0].blocks[p[1]].chunks[p[2]][0] in types]
        if not found:
            why = f" ({self.warnings[0]})" if self.warnings else ""
            raise Problem(f"chunk {name.hex()} ({LABELS[types[0]][3:]}) is in no pack of "
                          f"{self.root} that can be read{why}")
        return found

    def fetch(self, domain, name, *types):
        """The type and content of a chunk, from the first copy that proves itself."""
        first = None
        for pack, number, slot in self.places(domain, name, types):
            try:
                data = self.block(pack, number)[slot]
                return (pack.blocks[number].chunks[slot][0],
                        pack.open_chunk(number, slot, data))
            except (Problem, OSError) as problem:
                first = first or problem
        raise Problem(str(first))

    # Section 8: directories.

    def entries(self, domain, directory):
        """Yields the entries of a directory in order."""
        if directory.content == 1:
            yield from self.leaf(domain, directory.ref)
        elif directory.content == 2:
            last = b""
            for entry in self.dnode(domain, directory.ref, None):
                if entry.name <= last:
                    raise Problem(f"directory {directory.ref.hex()}: its names are not in order")
                last = entry.name
                yield entry

    def dnode(self, domain, name, height):
        """Yields the entries below a dnode; checks what it says of its children."""
        cur = Cursor(self.fetch(domain, name, DNODE)[1], f"dnode {name.hex()}")
        cur.u8(1, 1, "its version")
        own = cur.u8(1, 16, "its height")
        cur.need(height in (None, own), "its height is not one less than its parent's")
        children = [(cur.string(1, 255, "a name"), cur.varint(), cur.take(32))
                    for _ in range(cur.varint(1, 1024, "the number of children"))]
        cur.end()
        for first, count, child in children:
            below = self.leaf(domain, child) if own == 1 else self.dnode(domain, child, own - 1)
            n = 0
            for entry in below:
                cur.need(n or entry.name == first, "a child does not begin with the name given")
                n += 1
                yield entry
            cur.need(n == count, "a child has another number of entries than given")

    def leaf(self, domain, name):
        """The entries of a leaf, joined with its refs object."""
        cur = Cursor(self.fetch(domain, name, LEAF)[1], f"leaf {name.hex()}")
        cur.u8(1, 1, "its version")
        owners = [(cur.varint(0, 2**32 - 1, "a uid"), cur.varint(0, 2**32 - 1, "a gid"))
                  for _ in range(cur.varint(0, 1024, "the number of owners"))]
        cur.need(len(set(owners)) == len(owners), "an owner is in it twice")
        found, last, used = [], b"", 0
        for _ in range(cur.varint(0, 1024, "the number of entries")):
            entry = Entry(cur, owners)
            cur.need(entry.name > last, "its names are not in order")
            cur.need(entry.owner <= used, "its owners are not in order of first use")
            last, used = entry.name, max(used, entry.owner + 1)
            found.append(entry)
        cur.need(used == len(owners), "it has an owner that owns nothing")
        inline = [e for e in found if e.type == FILE and e.content == 1]
        others = [e for e in found if e.content and not (e.type == FILE and e.content == 1)]
        has_refs = cur.u8(0, 1, "the presence of refs")
        cur.need(has_refs == bool(inline or others), "refs are missing or superfluous")
        refs = cur.take(32) if has_refs else None
        cur.end()
        if not has_refs:
            return found
        cur = Cursor(self.fetch(domain, refs, REFS)[1], f"refs {refs.hex()}")
        cur.u8(1, 1, "its version")
        cur.need(cur.u8(0, 1, "the presence of inline files") == bool(inline),
                 "it disagrees with its leaf about inline files")
        chunk, at, total = cur.take(32) if inline else None, 0, sum(e.size for e in inline)
        for entry in inline:
            entry.inline, at = (chunk, at, total), at + entry.size
        cur.need(cur.varint() == len(others), "it has another number of ids than its leaf needs")
        for entry in others:
            entry.ref = cur.take(32)
        cur.end()
        return found

    def xattrs(self, domain, entry):
        if entry.xattr_id:
            return parse_xattrs(self.fetch(domain, entry.xattr_id, XATTR)[1],
                                f"xattrs {entry.xattr_id.hex()}")
        return entry.xattrs

    def target(self, domain, entry):
        """The target of a symlink."""
        if not entry.link_id:
            return entry.target
        target = self.fetch(domain, entry.link_id, LINK)[1]
        if not 257 <= len(target) <= 4095 or len(target) != entry.size or 0 in target:
            raise Problem(f"{entry.what}: the symlink's target is not well-formed")
        return target

    def text(self, domain, text):
        """Section 10: a text, joined from its pieces."""
        if isinstance(text, bytes):
            return text
        pieces = [self.fetch(domain, name, TEXT)[1] for name in text]
        if not all(1 <= len(p) <= 65536 for p in pieces):
            raise Problem("a piece of a text in a manifest is empty or too long")
        return b"".join(pieces)

    def walk(self, domain, root, on_problem=None, descend=None):
        """Yields (names, entry) of all below `root`, directories before what they hold."""
        stack = [(iter(self.entries(domain, root)), ())]
        while stack:
            below, names = stack[-1]
            try:
                entry = next(below, None)
            except Problem as problem:
                if not on_problem:
                    raise
                entry = on_problem(names, problem)
            if entry is None:
                stack.pop()
                continue
            yield names + (entry.name,), entry
            if entry.type == DIRECTORY and (not descend or descend(entry)):
                stack.append((iter(self.entries(domain, entry)), names + (entry.name,)))

    def lookup(self, snapshot, path):
        """The entry at a path of a snapshot."""
        entry = snapshot.root
        for name in filter(None, os.fsencode(path).split(b"/")):
            below = self.entries(snapshot.domain, entry) if entry.type == DIRECTORY else ()
            entry = next((e for e in below if e.name == name), None)
            if entry is None:
                raise Problem(f"the snapshot has no {path}")
        return entry

    # Section 9: content.

    def list_items(self, domain, name, kind, size, what, height=None):
        """Yields (length, id; None for a hole) below an llist or lnode (kind); first yields the
        whole-file hash or None when it is the topmost object (height None)."""
        data = self.fetch(domain, name, kind)[1]
        cur = Cursor(data, f"list {name.hex()} of {what}")
        cur.u8(1, 1, "its version")
        flags = cur.u8(0, 1 if height is None else 0, "the flags byte")
        whole = cur.take(32) if flags else None
        if height is None:
            yield whole
        if kind == LLIST:
            items = [cur.varint(2) for _ in range(cur.varint(1, 4096, "the number of items"))]
            holes = [item & 1 for item in items]
            cur.need(not any(a and b for a, b in zip(holes, holes[1:])), "a hole follows a hole")
            cur.need(all(i & 1 or i >> 1 <= MAX_CHUNK for i in items), "a chunk is too long")
            rows = [(i >> 1, None if i & 1 else cur.take(32)) for i in items]
        else:
            own = cur.u8(1, 16, "its height")
            cur.need(height in (None, own), "its height is not one less than its parent's")
            rows = [cur.varint(1) for _ in range(cur.varint(1, 1024, "the number of children"))]
            rows = [(n, cur.take(32)) for n in rows]
        cur.end()
        cur.need(sum(n for n, _ in rows) == size, "its lengths do not add up")
        for length, child in rows:
            if kind == LLIST:
                yield length, child
            else:
                yield from self.list_items(domain, child, LNODE if own > 1 else LLIST, length,
                                           what, own - 1)

    def items(self, domain, entry):
        """(whole-file hash or None, iterator of (length, id or None)) of a list."""
        kind = LLIST if entry.content == 3 else LNODE
        rows = self.list_items(domain, entry.ref, kind, entry.size, entry.what)
        return next(rows), rows

    def content(self, domain, entry):
        """Yields the pieces of a file: bytes, or a number: the length of a hole."""
        if entry.content == 1:
            chunk, at, total = entry.inline
            data = self.fetch(domain, chunk, INLINE)[1]
            if len(data) != total:
                raise Problem(f"{entry.what}: the inline chunk has another length than its files")
            yield data[at:at + entry.size]
            return
        whole, rows = None, [(entry.size, entry.ref)] if entry.content == 2 else []
        if entry.content > 2:
            whole, rows = self.items(domain, entry)
        digest, filled = hashlib.blake2b(digest_size=32), 0
        for length, name in rows:
            if name is None:
                feed_zeros(digest, length if whole else 0)
                yield length
                continue
            data = self.fetch(domain, name, DATA)[1]
            if len(data) != length:
                raise Problem(f"{entry.what}: chunk {name.hex()} has another length than the file "
                              "says")
            digest.update(data)
            filled += length
            yield data
        if whole and digest.digest() != whole:
            raise Problem(f"{entry.what}: the content does not have the whole-file hash")
        if entry.content and filled != (entry.size if entry.data_bytes is None
                                        else entry.data_bytes):
            raise Problem(f"{entry.what}: the holes are not those that the entry counts")


def feed_zeros(digest, length):
    while length:
        digest.update(bytes(min(length, MIB)))
        length -= min(length, MIB)


# ---- Commands ----------------------------------------------------------------------------------

def show(name):
    """A name for a terminal: UTF-8 where it is, other and control bytes as \\xNN."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(c if c.isprintable() and c != "\\" else
                   "".join(f"\\x{b:02x}" for b in c.encode("utf-8", "surrogateescape"))
                   for c in text)


def show_time(seconds):
    try:
        when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        return f"{when.year:04d}-{when:%m-%dT%H-%M-%SZ}"
    except OverflowError:
        return f"{seconds}s"


def complain(sentence):
    print(f"caprock_read: {sentence}", file=sys.stderr)


def finish(problems, what):
    """The exit status of a command that went on after problems."""
    if problems:
        raise Problem(f"{what}: {problems} problem{'s' if problems > 1 else ''}, see above")


def cmd_snapshots(repo, args):
    bad = len(repo.alarms)
    for m in sorted(repo.manifests, key=lambda m: (m.time, m.id)):
        line = f"{m.id.hex()[:16]}  {show_time(m.time)}"
        if m.state == "ok":
            print(f"{line}  {m.source.decode()}  {m.entries}  {m.bytes}")
        else:
            print(f"{line}  {m.state}: {m.why}")
            bad += m.state == "damaged"
    finish(bad, repo.root)


def cmd_ls(repo, args):
    snapshot = repo.select(args.snapshot)
    start = repo.lookup(snapshot, args.path)
    base = tuple(filter(None, os.fsencode(args.path).split(b"/")))
    rows = repo.walk(snapshot.domain, start) if start.type == DIRECTORY else ()
    for names, entry in [(None, start)]:
        print_entry(repo, snapshot, base, entry)
    for names, entry in rows:
        print_entry(repo, snapshot, base + names, entry)


def print_entry(repo, snapshot, names, e):
    size = f"{e.major},{e.minor}" if e.major is not None else e.size
    line = (f"{stat.filemode(TYPE_BITS[e.type] | e.mode)} {e.nlink:3} {e.uid:5} {e.gid:5} "
            f"{size:>12} {show_time(e.mtime[0])} /{'/'.join(map(show, names))}")
    if e.type == SYMLINK:
        line += f" -> {show(repo.target(snapshot.domain, e))}"
    marks = ("changed while read", "incomplete", "mount point not entered")
    print(line + "".join(f"  [{text}]" for i, text in enumerate(marks) if e.marks >> i & 1))


def cmd_cat(repo, args):
    snapshot = repo.select(args.snapshot)
    entry = repo.lookup(snapshot, args.path)
    if entry.type != FILE:
        raise Problem(f"{args.path} is not a file")
    for piece in repo.content(snapshot.domain, entry):
        left = piece if isinstance(piece, int) else 0
        while left:
            left -= sys.stdout.buffer.write(bytes(min(left, MIB)))
        if not isinstance(piece, int):
            sys.stdout.buffer.write(piece)


def text_fields(field, data):
    """A JSON field for bytes: as text where they are UTF-8, else NAME_hex."""
    try:
        return {field: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {field + "_hex": data.hex()}


def cmd_dump(repo, args):
    snapshot = repo.select(args.snapshot)
    print(json.dumps(dump_entry(repo, snapshot.domain, (), snapshot.root)))
    for names, entry in repo.walk(snapshot.domain, snapshot.root):
        print(json.dumps(dump_entry(repo, snapshot.domain, names, entry)))


def dump_entry(repo, domain, names, e):
    """Every stored field of an entry, and the hash of a file's bytes."""
    row = text_fields("path", b"/".join(names))
    row.update(type=TYPE_NAMES[e.type], marks=e.marks, has=e.has, mode=e.mode, uid=e.uid,
               gid=e.gid, size=e.size, mtime=list(e.mtime), ctime=list(e.ctime), nlink=e.nlink,
               content=e.content)
    optional = {"link_group": e.group and e.group.hex(), "inode_flags": e.inode_flags,
                "data_bytes": e.data_bytes, "class": e.klass, "major": e.major, "minor": e.minor,
                "ref": e.ref and e.ref.hex(), "xattr_id": e.xattr_id and e.xattr_id.hex(),
                "inline": e.inline and [e.inline[0].hex(), e.inline[1]],
                "link_id": e.link_id and e.link_id.hex()}
    row.update((k, v) for k, v in optional.items() if v is not None)
    if e.has & 3:
        row["xattrs"] = [[show(k), v.hex()] for k, v in repo.xattrs(domain, e).items()]
    if e.type == SYMLINK:
        row.update(text_fields("target", repo.target(domain, e)))
    if e.type == FILE:
        filled = e.size if e.data_bytes is None else e.data_bytes
        hashed = e.size - filled <= (1 << 30) + 16 * filled and not (e.size and not e.content)
        digest, holes = hashlib.blake2b(digest_size=32), []
        at = 0
        for piece in repo.content(domain, e):
            if isinstance(piece, int):
                holes.append([at, piece])
                feed_zeros(digest, piece if hashed else 0)
                at += piece
            else:
                digest.update(piece)
                at += len(piece)
        row["blake2b_256"] = digest.hexdigest() if hashed else None
        if holes:
            row["holes"] = holes
        if e.content > 2:
            whole = repo.items(domain, e)[0]
            row["whole_file_hash"] = whole.hex() if whole else None
    return row


class Extraction:
    """Writes a snapshot below an empty directory. No path is ever resolved through a symlink:
    each component is opened by itself, relative to the directory above it."""

    def __init__(self, repo, snapshot, target):
        self.repo, self.domain, self.problems, self.groups = repo, snapshot.domain, 0, {}
        try:
            os.mkdir(target, 0o700)
        except FileExistsError:
            if os.listdir(target):
                raise Problem(f"{target} is not empty") from None
        self.top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        self.is_root = os.geteuid() == 0
        self.parent, self.parent_names = os.dup(self.top), ()
        directories, skipped = [((), snapshot.root)], set()
        for names, entry in repo.walk(self.domain, snapshot.root, self.problem,
                                      lambda e: e not in skipped):
            try:
                self.enter(names[:-1])
                if entry.type == DIRECTORY:
                    os.mkdir(entry.name, 0o700, dir_fd=self.parent)
                    directories.append((names, entry))
                else:
                    self.make(names, entry)
            except (Problem, OSError) as problem:
                skipped.add(entry)
                self.problem(names, problem)
        for names, entry in reversed(directories):
            self.enter(names)
            self.attributes(names, entry, self.parent, None)

    def problem(self, names, problem):
        complain(f"/{'/'.join(map(show, names))}: {problem}")
        self.problems += 1

    def enter(self, names):
        """Makes `self.parent` a descriptor of the directory at `names`."""
        if names != self.parent_names:
            os.close(self.parent)
            self.parent, self.parent_names = self.open_beneath(names), names

    def open_beneath(self, names):
        at = os.dup(self.top)
        for name in names:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return at

    def make(self, names, e):
        """Makes an entry that is not a directory, or another link to it."""
        first = self.groups.get(e.group) if e.group else None
        if first:
            if first[1].type != e.type:
                raise Problem(f"it is in one link group with /{'/'.join(map(show, first[0]))}")
            source = self.open_beneath(first[0][:-1])
            try:
                os.link(first[0][-1], e.name, src_dir_fd=source, dst_dir_fd=self.parent,
                        follow_symlinks=False)
            finally:
                os.close(source)
            return
        if e.type == FILE:
            self.make_file(names, e)
        else:
            if e.type == SYMLINK:
                os.symlink(self.repo.target(self.domain, e), e.name, dir_fd=self.parent)
            else:
                device = os.makedev(e.major, e.minor) if e.major is not None else 0
                os.mknod(e.name, TYPE_BITS[e.type] | 0o600, device, dir_fd=self.parent)
            self.attributes(names, e, None, e.name)
        if e.group:
            self.groups[e.group] = names, e

    def make_file(self, names, e):
        fd = os.open(e.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600,
                     dir_fd=self.parent)
        try:
            at = 0
            for piece in self.repo.content(self.domain, e):
                if isinstance(piece, int):
                    at += piece
                    continue
                while piece:
                    done = os.pwrite(fd, piece, at)
                    at, piece = at + done, piece[done:]
            os.ftruncate(fd, e.size)
            self.attributes(names, e, fd, None)
        except (Problem, OSError):
            os.unlink(e.name, dir_fd=self.parent)
            raise
        finally:
            os.close(fd)

    def attributes(self, names, e, fd, name):
        """Owner, extended attributes, mode, times: of an open file or directory, or by name."""
        place = dict(dir_fd=self.parent, follow_symlinks=False) if name else {}
        path = b"/proc/self/fd/%d/%s" % (self.parent, name) if name else fd
        if self.is_root:
            self.attempt(names, os.chown, name or fd, e.uid, e.gid, **place)
        try:
            for key, value in self.repo.xattrs(self.domain, e).items():
                follow = {"follow_symlinks": False} if name else {}
                self.attempt(names, os.setxattr, path, key, value, **follow)
        except Problem as problem:
            self.problem(names, problem)
        if e.type != SYMLINK:
            node = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self.parent) if name else fd
            # Without the owner, set-id bits would lend the rights of whoever extracts.
            mode = e.mode if self.is_root else e.mode & 0o1777
            self.attempt(names, os.chmod, f"/proc/self/fd/{node}" if name else fd, mode)
            if name:
                os.close(node)
        when = e.mtime[0] * 10**9 + e.mtime[1]
        self.attempt(names, os.utime, name or fd, ns=(when, when), **place)

    def attempt(self, names, call, *args, **options):
        try:
            call(*args, **options)
        except (OSError, OverflowError) as error:
            what = f"{call.__name__} {show(args[1])}" if call is os.setxattr else call.__name__
            self.problem(names, f"{what}: {getattr(error, 'strerror', None) or error}")


def cmd_extract(repo, args):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o077)
    finish(Extraction(repo, repo.select(args.snapshot), args.target).problems, args.target)


def cmd_scrub(args):
    """Trailers of packs and names of segments: what can be checked without keys (6, 7)."""
    if xxhash is None:
        raise Problem("scrub needs the Debian package python3-xxhash")
    bad = count = 0
    for path, name in scan_packs(args.repo):
        count += 1
        try:
            if name is None:
                raise Problem("this is no name of a pack")
            _, headers, _, shards, problems = read_trailer(path)
            if headers[0][32:48] != name:
                problems.append("the header names another pack")
            with open(path, "rb") as file:
                end = struct.unpack("<QI", os.pread(file.fileno(), 12, os.path.getsize(path) - 32))
                for i, expected in enumerate(shards):
                    data = file.read(min(SHARD, sum(end) - i * SHARD))
                    if xxhash.xxh3_64_intdigest(data) != expected:
                        problems.append(f"the bytes from {i * SHARD} do not match their checksum")
        except (Problem, OSError) as problem:
            problems = [str(problem)]
        for problem in problems:
            bad += 1
            complain(problem if problem.startswith(path) else f"{path}: {problem}")
    for name in names_in(f"{args.repo}/index"):
        try:
            read_segment(args.repo, name)
        except (Problem, OSError) as problem:
            bad += 1
            complain(problem)
    print(f"{count} packs read")
    finish(bad, args.repo)


def cmd_check(repo, args):
    """Everything: slots, segments, packs to the last chunk, manifests, trees."""
    problems = list(repo.keys.slot_problems)

    def attempt(call, *call_args):
        try:
            return call(*call_args)
        except Locked as problem:
            complain(f"not checked: {problem}")
        except (Problem, OSError) as problem:
            if str(problem) not in problems:
                problems.append(str(problem))
                complain(problem)
        return None

    for sentence in problems + repo.alarms:
        complain(sentence)
    problems += repo.alarms
    for slot in repo.keys.slots.values():
        member = repo.keys.members.get(slot["key"])
        if not member or member["role"] != slot["role"]:
            complain(f"{slot['path']}: the roster does not list this key in this role")
            problems.append(slot["path"])
        else:
            attempt(slot["verify"], member["ed"])
    repo.load_index()
    for sentence in repo.warnings:
        if sentence not in problems:
            problems.append(sentence)
            complain(sentence)
    on_disk, seen = {name: path for path, name in scan_packs(repo.root) if name}, set()
    for path in on_disk.values():
        attempt(check_pack, repo, path)
    for rows in repo.listed.values():
        for header, _ in rows:
            if header[32:48] not in on_disk and header[32:48] not in seen:
                seen.add(header[32:48])
                complain(f"pack {header[32:48].hex()} is missing")
                problems.append(header)
    for m in repo.manifests:
        if m.state == "ok":
            attempt(check_snapshot, repo, m, seen)
        else:
            complain(m.why)
            problems += [m.why] if m.state == "damaged" else []
    print(f"{len(on_disk)} packs, {len(repo.manifests)} snapshots")
    finish(len(problems), repo.root)


def check_pack(repo, path):
    """A pack by its own footer, to the last chunk."""
    size, (header, _), sealed, _, problems = read_trailer(path)
    if problems:
        raise Problem(f"{path}: {problems[0]}")
    name = bytes.fromhex(os.path.basename(path))
    pack = repo.named(Pack(repo.keys, path, size, header, sealed), name)
    if any(row != (size, header, sealed) for row in repo.rows.get(name, [])):
        raise Problem(f"{path}: a segment has another header or footer of it")
    for number in range(len(pack.blocks)):
        for slot, data in enumerate(pack.read_block(number)):
            pack.open_chunk(number, slot, data)


def check_snapshot(repo, m, seen):
    """The tree of a snapshot: every metadata object read, every chunk of data found. Objects in
    `seen` were read for another snapshot of the same check."""
    def unseen(entry):
        fresh = (m.domain, entry.ref) not in seen
        seen.add((m.domain, entry.ref))
        return fresh

    try:
        for segment in m.segments:
            if (segment, m.writer) not in repo.listed:
                raise Problem(f"its segment {segment.hex()} is missing, damaged or another's")
        for text in m.texts:
            repo.text(m.domain, text)
        below = repo.walk(m.domain, m.root, descend=unseen) if unseen(m.root) else ()
        for _, e in itertools.chain([((), m.root)], below):
            repo.xattrs(m.domain, e)
            if e.type == SYMLINK:
                repo.target(m.domain, e)
            elif e.inline:
                repo.places(m.domain, e.inline[0], (INLINE,))
            elif e.type == FILE and e.content == 2:
                repo.places(m.domain, e.ref, (DATA,))
            elif e.type == FILE and e.content > 2 and unseen(e):
                for _, name in repo.items(m.domain, e)[1]:
                    if name:
                        repo.places(m.domain, name, (DATA,))
    except Problem as problem:
        raise Problem(f"{m.path}: {problem}") from None


def main():
    parser = argparse.ArgumentParser(description="Read a caprock repository.")
    parser.add_argument("repo", metavar="REPO")
    keys = parser.add_mutually_exclusive_group()
    for option in ("--passphrase-file", "--key-file", "--paper"):
        keys.add_argument(option, metavar="F")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text, *operands in (
            ("snapshots", "list snapshots"),
            ("ls", "list a tree", "snapshot", "path?"),
            ("extract", "write a whole tree below TARGET", "snapshot", "target"),
            ("cat", "print a file", "snapshot", "path"),
            ("dump", "print a JSON line for each entry", "snapshot"),
            ("scrub", "check the checksums of packs, without keys"),
            ("check", "check everything")):
        command = commands.add_parser(name, help=text)
        for operand in operands:
            more = dict(nargs="?", default="") if operand.endswith("?") else {}
            command.add_argument(operand.strip("?"), metavar=operand.strip("?").upper(), **more)
    args = parser.parse_args()
    try:
        if args.command == "scrub":
            cmd_scrub(args)
        else:
            repo = Repository(args.repo, args)
            for alarm in repo.alarms if args.command != "check" else ():
                complain(f"warning: {alarm}")
            globals()["cmd_" + args.command](repo, args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (Problem, OSError) as problem:
        complain(problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

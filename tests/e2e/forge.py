"""Packs that no honest writer would make, with the real secrets of a put key.

Written on top of the independent reader, so from FORMAT.md alone.
"""
import argparse
import importlib.util
import os
import struct

import nacl.bindings as sodium
import xxhash

import harness

DATA, INLINE, LEAF = 1, 2, 3


def load_reader():
    spec = importlib.util.spec_from_file_location('caprock_read',
                                                  harness.READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = load_reader()


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def seal(key, nonce, ad, plain):
    return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
        plain, ad, bytes(12), reader.kdf(key, 'seal-key', nonce))


def shards(data):
    return [data[i:i + 65536] for i in range(0, len(data), 65536)]


class Put(reader.Keys):
    """What the holder of a put key has."""

    def __init__(self, repo):
        super().__init__(os.fspath(repo.path), argparse.Namespace(
            paper=None, key_file=os.fspath(repo.key), passphrase_file=None))

    def use_bundle(self, bundle):
        super().use_bundle(bundle)
        self.secret_key = sodium.crypto_sign_seed_keypair(
            bundle['ed-seed'])[1]

    def admit(self, bundle):
        member = self.members[self.key]
        grant = reader.unbox(self.pair, member['grant'], 'the grant')
        cur = reader.Cursor(grant, 'the grant')
        self.number = cur.varint(1, len(self.epochs), 'the epoch')
        self.psk, self.domain_secret = cur.take(32), cur.take(32)
        self.domain = member['domain']

    def chunk_id(self, kind, data):
        return reader.kdf(reader.kdf(self.domain_secret, 'dom-id'),
                          reader.LABELS[kind], data)

    def block(self, pack, number, kind, chunks):
        """(stored bytes, row of the footer) of chunks (type, id, bytes)."""
        raw = varint(len(chunks)) + b''.join(
            varint(len(data)) for _, _, data in chunks) + b''.join(
                data for _, _, data in chunks)
        padded = raw + bytes(-len(raw) % 4096)
        ad = self.repo_id + pack['id'] + struct.pack(
            '<IBBII', number, kind, 0, len(raw), len(raw))
        nonce = os.urandom(24)
        sealed = seal(pack['key'], nonce, ad, padded)
        stored, tag = sealed[:-16], sealed[-16:]
        hashed = reader.hash_('stored', b''.join(
            reader.hash_('stored-shard', part) for part in shards(stored)))
        row = (bytes([0]) + varint(len(raw)) * 2 + nonce + tag + hashed +
               varint(len(chunks)) + b''.join(
                   bytes([kind]) + ident for kind, ident, _ in chunks))
        return stored, row

    def header(self, kind, ident, writer):
        """(header, Z)."""
        z = os.urandom(32)
        box = sodium.crypto_box_seal(z, self.epochs[self.number][kind == 1])
        return (b'caprockP' + struct.pack('<IHBB', 1, 1, kind, 0) +
                self.repo_id + ident + writer + self.domain +
                struct.pack('<II', self.number, 0) + box + bytes(88)), z

    def pack(self, kind, blocks, ident=None, writer=None):
        """(id, bytes) of a pack with @blocks, each a list of (type, id, bytes).

        It is signed by this key, whoever is said to be its @writer.
        """
        ident, writer = ident or os.urandom(16), writer or self.key
        header, z = self.header(kind, ident, writer)
        key = reader.kdf(self.psk, 'pack-key', z + self.repo_id + ident)
        made = [self.block({'id': ident, 'key': key}, number, kind, chunks)
                for number, chunks in enumerate(blocks)]
        body = (reader.kdf(key, 'pack-commit', ident) + varint(len(made)) +
                b''.join(row for _, row in made))
        signed = reader.hash_('footer-sig', (
            struct.pack('<IHB', 1, 1, kind) + self.repo_id + ident + writer +
            reader.hash_('pack-header', header) + body[:32] +
            reader.hash_('footer-body', body)))
        body += sodium.crypto_sign(
            b'sign-footer'.ljust(16, b'\0') + signed, self.secret_key)[:64]
        nonce = os.urandom(24)
        footer = nonce + seal(reader.kdf(reader.kdf(
            self.domain_secret, 'dom-footer'), 'footer-key', ident), nonce,
                              header, body)
        data = header + b''.join(stored for stored, _ in made)
        return ident, self.finish(data, header, footer)

    @staticmethod
    def finish(data, header, footer):
        """Add the footer and the trailer."""
        offset = len(data)
        data += footer
        parts = shards(data)
        trailer = b''.join(struct.pack('<Q', xxhash.xxh3_64_intdigest(part))
                           for part in parts) + header + struct.pack(
                               '<QII', offset, len(footer), len(parts))
        return data + trailer + struct.pack(
            '<Q', xxhash.xxh3_64_intdigest(trailer)) + b'caprockT'


def place(repo, kind, ident, data):
    """Write a pack where it belongs; returns its path."""
    name = ident.hex()
    path = repo.path / 'packs' / reader.KINDS[kind] / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.unlink()
    path.write_bytes(data)
    return path


def packs_of(repo, writer):
    """Packs of the key @writer (bytes), as the owner's key opens them."""
    keys = reader.Keys(os.fspath(repo.path), argparse.Namespace(
        paper=None, key_file=os.fspath(repo.key), passphrase_file=None))
    for path in repo.files('packs'):
        size, (header, _), sealed, _, _ = reader.read_trailer(os.fspath(path))
        if header[48:64] == writer:
            yield reader.Pack(keys, os.fspath(path), size, header, sealed)


# ---- Trees and manifests ----------------------------------------------------

REFS, META = 4, 2
FILE, DIRECTORY = 1, 2


def string(data):
    return varint(len(data)) + data


def entry(name, kind, content):
    """An entry of a leaf: no times, the first owner of the leaf."""
    return (string(name) + bytes([kind]) + varint(0) * 2 + varint(0o755) +
            varint(0) * 2 + varint(0) * 4 + varint(1) + bytes([content]))


class Tree:
    """Directories of a put key, in a pack of metadata of their own each."""

    def __init__(self, put, repo):
        self.put, self.repo, self.packs = put, repo, []

    def directory(self, files, directories=()):
        """The id of a leaf: names of empty files; (name, id) of others."""
        entries = sorted([(name, entry(name, FILE, 0)) for name in files] +
                         [(name, entry(name, DIRECTORY, 1))
                          for name, _ in directories])
        leaf = (bytes([1]) + varint(1) + varint(0) * 2 +
                varint(len(entries)) + b''.join(data for _, data in entries))
        chunks = []
        if directories:
            refs = (bytes([1, 0]) + varint(len(directories)) +
                    b''.join(ident for _, ident in sorted(directories)))
            chunks.append((REFS, self.put.chunk_id(REFS, refs), string(refs)))
            leaf += bytes([1]) + chunks[0][1]
        else:
            leaf += bytes([0])
        ident = self.put.chunk_id(LEAF, leaf)
        chunks.append((LEAF, ident, string(leaf)))
        self.packs.append(place(self.repo, META,
                                *self.put.pack(META, [chunks])))
        return ident

    def manifest(self, source, root, entries, time=1_700_000_000):
        """Publish a snapshot that says it has @entries names."""
        put, incarnation = self.put, os.urandom(16)
        body = (put.hash + string(source) + string(b'host') + string(b'user') +
                struct.pack('<qIq', time, 0, time) + put.domain +
                varint(1) + string(b'/p') + varint(0) * 3 + varint(entries) +
                varint(0) * 3 + varint(0) * 5 + varint(0) + bytes(2) * 4 +
                varint(0) * 2 + entry(b'', DIRECTORY, 1) + root + bytes(1) +
                varint(0))
        z, seq = os.urandom(32), struct.pack('<Q', 1)
        head = (b'caprockM' + struct.pack('<IHH', 1, 1, 0) + put.repo_id +
                put.key + incarnation + seq + bytes(32) +
                struct.pack('<qI', time, put.number) +
                sodium.crypto_box_seal(z, put.epochs[put.number][0]) +
                struct.pack('<I', len(body)))
        key = reader.kdf(put.psk, 'manifest-key',
                         z + put.repo_id + put.key + incarnation + seq)
        nonce = os.urandom(24)
        data = head + nonce + seal(key, nonce, head, body)
        signed = reader.hash_('manifest-sig', data)
        data += sodium.crypto_sign(b'sign-manifest'.ljust(16, b'\0') + signed,
                                   put.secret_key)[:64]
        path = self.repo.path / 'snapshots' / put.key.hex() / \
            f'{incarnation.hex()}-1'
        return harness.write(path, data)

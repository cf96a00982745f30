#!/usr/bin/env python3
"""Check that every #include points down the layers.  Exit 1 and say where not."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A layer may include itself and the layers named here.
MAY = {
    'store/base': [],
    'store/codec': ['store/base'],
    'store/disk': ['store/base', 'store/codec'],
    'store/read': ['store/base', 'store/codec', 'store/disk'],
    'store/write': ['store/base', 'store/codec', 'store/disk', 'store/read'],
    'fs': ['store/base', 'store/codec', 'store/disk', 'store/read'],
    'tools': ['store/base', 'store/codec', 'store/disk', 'store/read', 'store/write'],
    'tests': ['store/base', 'store/codec', 'store/disk', 'store/read', 'store/write',
              'fs', 'tools'],
}

# Who may include a library's headers: a module (its .c and .h, and the same
# name with _something), or a folder.  A key that ends in / is a prefix.
OWNER = {
    'cmocka.h': ['tests/'],
    'fuse.h': ['fs/', 'tests/e2e/hanging'],
    'fuse_common.h': ['fs/'],
    'fuse_lowlevel.h': ['fs/', 'tests/bench/memfs', 'tests/unit/kernel',
                         'tests/unit/test_figures', 'tests/unit/test_ops'],
    'fuse_opt.h': ['fs/'],
    'jansson.h': ['fs/', 'tools/', 'tests/'],
    'openssl/': ['store/codec/seal'],
    'rocksdb/': ['store/disk/kv'],
    'seccomp.h': ['fs/'],
    'sodium.h': ['store/base/secret', 'store/codec/chunker', 'store/codec/hash',
                 'store/codec/kdf', 'store/codec/seal', 'store/codec/sign', 'tests/'],
    'sodium/': [],
    'xxhash.h': ['store/codec/', 'tests/'],
    'zdict.h': ['store/codec/compress'],
    'zstd.h': ['store/codec/compress'],
    'zstd_errors.h': ['store/codec/compress'],
}

OURS = ('store/', 'fs/', 'tools/', 'tests/', 'contrib/')


def layer_of(name):
    """The longest layer that holds the file NAME, or None."""
    return max((layer for layer in MAY if name.startswith(layer + '/')),
               key=len, default=None)


def owners_of(target):
    for header, owners in OWNER.items():
        if target == header or header.endswith('/') and target.startswith(header):
            return owners
    return None


def owns(name, owner):
    if owner.endswith('/'):
        return name.startswith(owner)
    return re.match(re.escape(owner) + r'(_\w+)?\.[ch]$', name) is not None


def allowed(name, layer, target, quoted):
    owners = owners_of(target)
    if owners is not None:
        return any(owns(name, owner) for owner in owners)
    if quoted:
        return layer_of(target) in [layer, *MAY[layer]]
    return not target.startswith(OURS)


def main():
    files = seen = bad = 0
    for top in ('store', 'fs', 'tools', 'tests'):
        for path in sorted((ROOT / top).rglob('*.[ch]')):
            name = path.relative_to(ROOT).as_posix()
            layer = layer_of(name)
            files += 1
            if layer is None:
                print(f'{name}: in no layer')
                bad += 1
                continue
            text = path.read_text(encoding='utf-8')
            for number, line in enumerate(text.splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if not match:
                    continue
                seen += 1
                target = match.group(2)
                if not allowed(name, layer, target, match.group(1) == '"'):
                    print(f'{name}:{number}: {layer} may not include {target}')
                    bad += 1
    print(f'{seen} includes in {files} files, {bad} against the layers')
    return 1 if bad or not seen else 0


sys.exit(main())

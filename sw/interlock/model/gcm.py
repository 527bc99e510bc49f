"""AES-256-GCM (NIST SP 800-38D) as sealed records use it: keys of 256 bits, nonces of 96, tags of 128."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK_BYTES = 16
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """One block of AES-256 (FIPS 197), or several that have nothing to do with each other."""
    # What ECB lacks is chaining, of which a single block needs none.
    return Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(block)


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """The ciphertext, and behind it the tag."""
    return AESGCM(_checked(key, nonce)).encrypt(nonce, plaintext, associated)


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes | None:
    """The plaintext; None where the tag is wrong."""
    try:
        return AESGCM(_checked(key, nonce)).decrypt(nonce, sealed, associated)
    except InvalidTag:
        return None


def _checked(key: bytes, nonce: bytes) -> bytes:
    """The key, if both have the size that they must have."""
    if (len(key), len(nonce)) != (KEY_BYTES, NONCE_BYTES):
        raise ValueError(f"key and nonce are 32 and 12 bytes, not {len(key)} and {len(nonce)}")
    return key

"""Every mutation of ``make mutants``."""

from mutants.crypto import CRYPTO
from mutants.digests import DIGESTS
from mutants.egress import EGRESS
from mutants.ingress import INGRESS
from mutants.keys import KEYS
from mutants.log import LOG
from mutants.opening import OPENING
from mutants.rolls import ROLLS
from mutants.sealing import SEALING
from mutants.sessions import SESSIONS
from mutants.top import TOP

MUTATIONS = [*SESSIONS, *LOG, *CRYPTO, *SEALING, *OPENING, *KEYS, *DIGESTS, *EGRESS, *INGRESS, *ROLLS, *TOP]

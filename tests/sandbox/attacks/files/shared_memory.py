"""Makes a block of shared memory, which is a file that all processes see."""

EXPECTED = "refused"


def attack(aim):
    import _posixshmem
    import os

    name = "/" + aim["variable"]
    os.close(_posixshmem.shm_open(name, os.O_CREAT | os.O_RDWR, mode=0o600))
    if os.path.exists("/dev/shm" + name):
        _posixshmem.shm_unlink(name)
        return aim["secret"], os.stat(aim["secret"]).st_mtime_ns

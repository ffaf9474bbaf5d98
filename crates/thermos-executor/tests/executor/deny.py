"""Lets one call of the kernel fail, `fsync` or `prctl` with a first argument, for a program and all it starts.

deny.py CALL ARGUMENT|- ERROR PROGRAM... The rules are Linux's for seccomp filters: load a word, jump if equal, return.
"""
import ctypes, os, platform, struct, sys
numbers = {'x86_64': {'fsync': 74, 'prctl': 157}, 'aarch64': {'fsync': 82, 'prctl': 167}}[platform.machine()]
call, argument, error = sys.argv[1:4]
def rule(code, yes, no, value):
    return struct.pack('HBBI', code, yes, no, value)
rules = [rule(0x20, 0, 0, 0), rule(0x15, 0, 3, numbers[call]), rule(0x20, 0, 0, 16)]
rules += [rule(0x15, 0, 1, int(argument)) if argument != '-' else rule(0x05, 0, 0, 0)]
rules += [rule(0x06, 0, 0, 0x00050000 | int(error)), rule(0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(rules))
program = struct.pack('HxxxxxxP', len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[4], sys.argv[4:])

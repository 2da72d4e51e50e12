#pragma once
#include <string>

/// Lets the system calls below LMDB fail: it calls pwrite, writev, write, fdatasync and fsync of the program that links it,
/// and disk_faults.cpp puts itself in front of the C library's. So what LMDB makes of an error is LMDB's own doing.
namespace disk_faults {

enum class call { write, sync };

/// From now on the `nth` call (from 1) of this kind on a file whose path ends with `file` fails with `error`, and all after
/// it too when `lasting`. Any thread may make the calls. Replaces what was armed before.
void arm(call which, const std::string& file, unsigned nth, int error, bool lasting = false);
/// The disk works again. Returns how many calls have failed since arm().
unsigned disarm();

} // namespace disk_faults

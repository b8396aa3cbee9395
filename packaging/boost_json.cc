// Boost.JSON as Boost offers it to those who compile it themselves: Debian's static one is not
// position-independent enough for libtelpher.so.
#include <boost/json/src.hpp>

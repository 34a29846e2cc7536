/* Included before a kernel source that gcc compiles. */
#include "threads.h"
#include "collectives.h"
#include "words.h"
#include "launch.h"

#include "cli/run.h"

int main(int argc, char** argv) { return telpher::run_command_line(argc, argv); }

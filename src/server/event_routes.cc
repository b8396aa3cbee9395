#include "server/event_routes.h"

namespace telpher {

bool may_hear(const Caller& caller, const Event& event) {
  if (!caller.may(Role::kOperator) && !event.owner.empty() && event.owner != caller.id) {
    return false;
  }
  const std::size_t slash = event.place.find('/');
  return event.place.empty() ||
         caller.reaches(std::string_view(event.place).substr(0, slash),
                        slash == std::string::npos
                            ? std::string_view()
                            : std::string_view(event.place).substr(slash + 1));
}

std::vector<Route> event_routes(EventStream& events) {
  EventStream* const all = &events;
  return {{"GET", "/events", Role::kReader, [all](ApiCall& call) {
             const Caller caller = call.caller;
             return all->serve(call,
                               [caller](const Event& event) { return may_hear(caller, event); });
           }}};
}

}  // namespace telpher

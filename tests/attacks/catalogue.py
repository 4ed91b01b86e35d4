"""Which tests show what becomes of which attack. A test is named by its file below `tests/`, and its function."""

from typing import Final

CATALOGUE: Final = {
    "replayed signatures": (
        "attacks/test_replays.py::test_what_was_sent_may_be_sent_again_as_it_is_and_not_otherwise",
        "attacks/test_replays.py::test_what_opens_a_channel_opens_it_for_one_socket",
        "attacks/test_replays.py::test_who_signed_in_on_one_socket_is_nobody_on_another",
    ),
    "altered signatures": (
        "rest/test_vectors.py::test_a_request_of_which_a_part_was_altered_is_refused",
        "rest/test_vectors.py::test_a_body_that_is_not_signed_is_refused",
        "rest/test_vectors.py::test_one_key_with_the_secret_of_the_other_is_refused",
        "sockets/test_subscribing.py::test_a_bad_signature_is_told_and_gives_nothing",
        "sockets/test_sign_in.py::test_a_signature_for_something_else_does_not_fit",
    ),
    "stale signatures": ("rest/test_vectors.py::test_a_request_from_another_time_is_refused",),
    "timing of comparisons": (
        "attacks/test_comparisons.py::test_nothing_secret_is_compared_but_in_constant_time",
        "attacks/test_comparisons.py::test_a_signature_that_is_nearly_right_takes_no_longer_to_refuse",
        "pages/people/test_signing_in.py::test_asking_for_a_letter_takes_as_long_for_nobody",
    ),
    "request smuggling": (
        "rest/test_hostile_http.py::test_a_request_of_which_two_readers_could_think_differently_ends_the_connection",
        "rest/test_hostile_http.py::test_a_bad_request_behind_good_ones_does_not_take_their_answers",
        "rest/test_http_itself.py::test_the_late_body_of_a_page_is_never_read_as_a_request",
        "rest/test_http_itself.py::test_what_is_pipelined_for_another_owner_is_not_answered_and_may_be_sent_again",
        "rest/test_http_itself.py::test_a_request_names_one_host",
        "attacks/test_smuggling.py::test_proxies_and_hubbub_agree_where_a_request_ends",
    ),
    "slow clients": (
        "rest/test_hostile_http.py::test_what_drips_is_cut_off",
        "sockets/test_hostile_connections.py::test_headers_that_drip_are_waited_for_no_longer_than_told",
        "sockets/test_hostile_connections.py::test_thousands_who_say_nothing_hurt_nobody",
    ),
    "slow readers": (
        "rest/test_hostile_http.py::test_a_client_that_never_reads_its_answers_is_not_kept_in_memory",
        "sockets/test_slow_readers.py::test_many_who_never_read_are_cut_off",
        "sockets/test_stalled_readers.py",
    ),
    "slow endpoints": (
        "webhooks/test_hostile_endpoints.py::test_an_answer_whose_body_never_ends_is_an_answer",
        "webhooks/test_hostile_endpoints.py::test_of_a_long_answer_only_the_beginning_is_read",
    ),
    "compression bombs": (
        "sockets/test_deflate.py::test_bombs_without_end_cost_bounded_memory",
        "transports/test_deflate.py::test_a_bomb_costs_no_more_than_the_limit",
        "attacks/test_bombs.py::test_a_body_is_never_unpacked",
        "webhooks/test_hostile_endpoints.py::test_a_zipped_answer_is_not_unzipped",
    ),
    "nesting": (
        "rest/test_hostile_http.py::test_a_body_that_cannot_be_read_is_refused",
        "sockets/test_hostile_messages.py::test_nesting_is_no_harm",
        "sockets/phoenix/test_phoenix_hostile.py::test_nesting_to_any_depth_is_no_harm",
    ),
    "subscribers of a billion channels": (
        "sockets/test_subscribing.py::test_the_number_of_subscriptions_has_a_limit",
        "sockets/phoenix/test_phoenix_hostile.py::test_a_crowd_of_joins_holds_no_more_memory_than_its_topics",
        "attacks/test_crowds.py::test_channels_without_end_cost_no_more_than_the_limit",
    ),
    "huge presence": (
        "attacks/test_crowds.py::test_a_presence_channel_takes_no_more_members_than_it_may",
        "attacks/test_crowds.py::test_what_a_member_says_of_itself_has_a_limit",
        "sockets/phoenix/test_phoenix_hostile.py::test_who_comes_and_goes_without_end_is_held_up_and_nobody_else",
    ),
    "header injection": (
        "rest/test_hostile_http.py::test_a_line_break_in_a_path_splits_no_answer",
        "attacks/test_injections.py::test_no_address_on_this_site_splits_an_answer_or_leads_elsewhere",
        "webhooks/test_hostile_endpoints.py::test_headers_that_cannot_be_sent_are_a_failure",
        "mail/test_writing.py::test_no_name_makes_a_header",
        "rest/test_signed_requests.py",
    ),
    "server-side request forgery by webhooks": (
        "accounts/test_endpoint_rule.py",
        "webhooks/test_addresses.py::test_an_address_of_this_machine_a_private_network_or_a_group_is_not",
        "webhooks/test_addresses.py::test_an_address_in_an_odd_spelling_is_refused",
        "webhooks/test_hostile_endpoints.py::test_nothing_is_sent_to_the_hosts_own_network",
        "webhooks/test_hostile_endpoints.py::test_a_name_that_leads_into_the_hosts_own_network_is_refused",
        (
            "webhooks/test_hostile_endpoints.py"
            "::test_a_name_is_asked_once_for_a_connection_and_its_private_addresses_are_left_out"
        ),
        "webhooks/test_hostile_endpoints.py::test_redirects_are_failures_and_not_followed",
    ),
    "cross-site WebSocket hijacking": (
        "attacks/test_other_sites.py::test_a_cookie_opens_no_socket",
        "attacks/test_other_sites.py::test_no_other_site_reads_a_page_or_the_console_of_who_is_signed_in",
        "sockets/test_origins.py::test_a_page_from_elsewhere_is_told_and_closed",
        "sockets/test_origins.py::test_pages_with_phoenix_clients_are_refused_alike",
    ),
    "cross-site forms": (
        "pages/people/test_signing_up.py::test_a_form_from_elsewhere_does_nothing",
        "attacks/test_other_sites.py::test_a_form_of_another_site_does_nothing",
    ),
    "session fixation": (
        "pages/people/test_signing_in.py::test_signing_in_gives_another_cookie_than_any_before",
        "pages/people/test_signing_in.py::test_the_cookie_is_for_no_script_and_goes_with_the_browser",
        "pages/people/test_account.py::test_another_password_signs_out_all_other_browsers",
    ),
    "confusion of tokens": (
        "accounts/test_sessions.py::test_a_token_that_was_not_issued_here_is_refused",
        "accounts/test_sessions.py::test_claims_that_are_missing_or_wrong_are_refused",
        "accounts/test_sessions.py::test_a_head_of_endless_depth_is_refused",
        "attacks/test_tokens.py::test_a_token_of_another_kind_or_signed_otherwise_opens_nothing",
        "attacks/test_tokens.py::test_a_token_for_sockets_opens_no_part_of_the_api",
    ),
    "template injection": ("attacks/test_injections.py::test_a_name_is_shown_as_it_is_and_never_obeyed",),
    "log injection": (
        "logs/test_serving.py::test_nobody_writes_lines_but_the_server",
        "logs/test_output.py::test_nothing_that_is_logged_makes_a_line_or_reaches_a_terminal",
        "logs/test_output.py::test_an_error_is_one_field_or_indented_and_forges_nothing",
    ),
    "path tricks": ("attacks/test_paths.py::test_no_spelling_of_a_path_leads_to_another_application",),
}
"""Attacks by name, with those who show it."""

using System.Globalization;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Demo;

/// <summary>The loan table's columns and cells in plain English.</summary>
internal static class LoanWords
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["funded_amnt"] = "loan amount",
        ["term"] = "term",
        ["int_rate"] = "interest rate",
        ["sub_grade"] = "lender's grade",
        ["addr_state"] = "state",
        ["verification_status"] = "income check",
        ["annual_inc"] = "yearly income",
        ["emp_length"] = "years in job",
        ["delinq_2yrs"] = "late payments, 2 years",
        ["inq_last_6mths"] = "credit inquiries, 6 months",
        ["revol_util"] = "card limit in use",
        ["acc_now_delinq"] = "accounts overdue now",
        ["open_il_6m"] = "open installment loans",
        ["open_il_12m"] = "loans opened, 12 months",
        ["open_il_24m"] = "loans opened, 24 months",
        ["total_bal_il"] = "installment debt",
        ["all_util"] = "all limits in use",
        ["inq_fi"] = "finance inquiries",
        ["inq_last_12m"] = "credit inquiries, 12 months",
        ["delinq_amnt"] = "amount overdue",
        ["num_il_tl"] = "installment loans ever",
        ["total_il_high_credit_limit"] = "installment loan limit",
    };

    internal static string Name(TabularColumn column) => Names.GetValueOrDefault(column.Name, column.Name);

    internal static string Cell(TabularColumn column, string cell) => column.Name switch
    {
        "funded_amnt" or "annual_inc" or "total_bal_il" or "delinq_amnt" or "total_il_high_credit_limit" when double.TryParse(cell, CultureInfo.InvariantCulture, out double dollars) =>
            "$" + dollars.ToString("N0", CultureInfo.InvariantCulture),
        "int_rate" or "revol_util" or "all_util" => cell + " %",
        "term" => cell.Replace("term_", "", StringComparison.Ordinal) + " months",
        "emp_length" => cell switch
        {
            "emp_lt_1" => "under 1",
            "emp_ge_10" => "10 or more",
            "emp_unk" => "unknown",
            _ => cell.Replace("emp_", "", StringComparison.Ordinal),
        },
        "verification_status" => cell.Replace('_', ' ').ToLowerInvariant(),
        _ => cell,
    };
}
